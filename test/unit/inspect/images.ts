// Images of a dump, made by hand: a process with one context that has every kind of object.
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import * as criu from '../../../src/criu/gen/criu-images_pb.js';
import { type Struct, sizeOf } from '../../../src/inspect/layout.js';
import * as layouts from '../../../src/inspect/layouts.js';
import { allRecords, LAST_HANDLE, type Partly, type QpValues, struct } from './records.js';

const name = (text: string): Uint8Array => Buffer.from(`${text}\0`);

/** The image of a context, with lengths that are right. */
export function contextImage(
  records = allRecords(),
  more: Partly<Struct<typeof layouts.roam_rxe_dump_hdr>> = {},
): Buffer {
  const body = Buffer.concat(records);
  const length = sizeOf(layouts.roam_rxe_dump_hdr) + body.length;
  const header = struct(layouts.roam_rxe_dump_hdr, {
    magic: layouts.DUMP_MAGIC,
    version: layouts.DUMP_VERSION,
    len: BigInt(length),
    count: records.length,
    max_handle: LAST_HANDLE,
    ib_name: name('rxe0'),
    num_comp_vectors: 2,
    watch: 2,
    ...more,
  });
  const total = sizeOf(layouts.img_ctx) + length;
  const ctx = struct(layouts.img_ctx, {
    hdr: { magic: layouts.CONTEXT_MAGIC, version: layouts.IMAGE_VERSION, len: BigInt(total) },
    fd_floor: 20,
    uverbs: name('uverbs0'),
    dump_len: BigInt(length),
  });
  return Buffer.concat([ctx, header, body]);
}

export function descriptorImage(more: Partly<Struct<typeof layouts.img_fd>> = {}): Buffer {
  const hdr = {
    magic: layouts.DESCRIPTOR_MAGIC,
    version: layouts.IMAGE_VERSION,
    len: BigInt(sizeOf(layouts.img_fd)),
  };
  return struct(layouts.img_fd, { hdr, kind: 1, number: 4, ...more });
}

const word = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};

const COMMON = 0x54564319;

/** An image of CRIU with entries of one kind. */
export function criuImage<D extends DescMessage>(
  magic: number[],
  schema: D,
  entries: MessageInitShape<D>[],
): Buffer {
  const encoded = entries.map((entry) => toBinary(schema, create(schema, entry)));
  return Buffer.concat([...magic.map(word), ...encoded.flatMap((bytes) => [word(bytes.length), bytes])]);
}

/** A whole dump by the names of its files: process 17 with descriptors 4 (uverbs), 5 (channel) and 6 (async). */
export function wholeDump(qp: QpValues = {}): Map<string, Buffer> {
  const runs = [
    { vaddr: 0x1000n, nrPages: 3, flags: 4 },
    { vaddr: 0x9000n, nrPages: 5, flags: 1 },
    { vaddr: 0xf000n, nrPages: 7, flags: 2 },
  ];
  return new Map([
    ['inventory.img', criuImage([0x58313116], criu.inventorySchema, [{ imgVersion: 2 }])],
    [
      'pstree.img',
      criuImage([COMMON, 0x50273030], criu.tree_itemSchema, [
        { pid: 17, ppid: 0, pgid: 17, sid: 17, threads: [17, 19] },
        { pid: 18, ppid: 17, pgid: 17, sid: 17, threads: [18] },
      ]),
    ],
    [
      'core-17.img',
      criuImage([COMMON, 0x55053847], criu.task_coreSchema, [
        { tc: { taskState: 1, comm: Buffer.from('server') }, ids: { filesId: 1 } },
      ]),
    ],
    [
      'core-18.img',
      criuImage([COMMON, 0x55053847], criu.task_coreSchema, [
        { tc: { taskState: 6, comm: Buffer.from('child') } },
      ]),
    ],
    [
      'fdinfo-1.img',
      criuImage([COMMON, 0x56213732], criu.descriptorSchema, [
        { id: 9, fd: 0 },
        { id: 10, fd: 4 },
        { id: 11, fd: 5 },
        { id: 12, fd: 6 },
      ]),
    ],
    [
      'mm-17.img',
      criuImage([COMMON, 0x57492820], criu.memorySchema, [
        {
          vmas: [
            { start: 0x1000n, end: 0x9000n },
            { start: 0x10000n, end: 0x11000n },
          ],
        },
      ]),
    ],
    [
      'pagemap-17.img',
      Buffer.concat([
        criuImage([COMMON, 0x56084025], criu.page_headSchema, [{ pagesId: 1 }]),
        criuImage([], criu.page_runSchema, runs),
      ]),
    ],
    ['roam-rdma-ctx-0.img', contextImage(allRecords(qp))],
    ['roam-rdma-fd-a.img', descriptorImage()],
    ['roam-rdma-fd-b.img', descriptorImage({ kind: 2, file_id: 0xc0ffeen, number: -1 })],
    ['roam-rdma-fd-c.img', descriptorImage({ kind: 3, file_id: 0xa5n, number: -1 })],
  ]);
}

/** Writes a dump to a new directory below `dir`. */
export async function writeDump(dir: string, files: Map<string, Buffer>): Promise<string> {
  await mkdir(dir, { recursive: true });
  for (const [file, bytes] of files) await writeFile(join(dir, file), bytes);
  return dir;
}

export const scratch = (): Promise<string> => mkdtemp(join(tmpdir(), 'roam-images-'));
