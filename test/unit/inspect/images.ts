// Images of a dump, made by hand: a process with one context that has every kind of object.
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import * as criu from '../../../src/criu/gen/criu-images_pb.js';
import { type Layout, type Struct, sizeOf } from '../../../src/inspect/layout.js';
import { roam_rxe_qp } from '../../../src/inspect/layout-qp.js';
import * as layouts from '../../../src/inspect/layouts.js';

/** What is not given is zero. */
type Partly<T> = { [K in keyof T]?: T[K] extends Uint8Array | bigint | number ? T[K] : Partly<T[K]> };

/** The bytes of a struct. */
export function struct<L extends Layout>(layout: L, values: Partly<Struct<L>>): Buffer {
  const parts = Object.entries(layout).map(([name, type]) => {
    const value = (values as Record<string, unknown>)[name];
    if (typeof type === 'object') return struct(type, (value ?? {}) as never);
    const part = Buffer.alloc(typeof type === 'number' ? type : sizeOf({ type }));
    if (typeof type === 'number') part.set((value as Uint8Array | undefined) ?? []);
    else if (type === 'u64') part.writeBigUInt64LE((value as bigint | undefined) ?? 0n);
    else if (type === 'i32') part.writeInt32LE((value as number | undefined) ?? 0);
    else part.writeUIntLE((value as number | undefined) ?? 0, 0, part.length);
    return part;
  });
  return Buffer.concat(parts);
}

/** A ring with so many slots of 64 bytes. */
export function ring(slots: number, producer: number, consumer: number): Buffer {
  const bytes = Buffer.alloc(384 + slots * 64);
  bytes.writeUInt32LE(6, 0);
  bytes.writeUInt32LE(slots - 1, 4);
  bytes.writeUInt32LE(producer, 128);
  bytes.writeUInt32LE(consumer, 256);
  return bytes;
}

const pad8 = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 7)]);

export function record<L extends Layout & { rec: Layout }>(
  type: keyof typeof layouts.RECORD_TYPE,
  layout: L,
  handle: number,
  values: Partly<Struct<L>>,
  tail: Buffer = Buffer.alloc(0),
): Buffer {
  const rec = { type: layouts.RECORD_TYPE[type], len: sizeOf(layout) + tail.length, handle };
  return Buffer.concat([struct(layout, { ...values, rec } as Partly<Struct<L>>), pad8(tail)]);
}

const gid = (last: number): Uint8Array =>
  Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 1, last]);

export type QpValues = Partly<Struct<typeof roam_rxe_qp>>;

/** A QP whose send queue has 5 of 16 posted, its receive queue 3 of 8, with 4 responder resources. */
export function qpRecord(more: QpValues = {}): Buffer {
  const [sq, rq] = [ring(32, 2, 99), ring(16, 3, 99)];
  const values: QpValues = {
    qpn: 18,
    qp_type: 2,
    pd_handle: 0,
    send_cq: 1,
    recv_cq: 1,
    max_send_wr: 16,
    max_recv_wr: 8,
    max_send_sge: 2,
    max_recv_sge: 1,
    state: 3,
    path_mtu: 3,
    access_flags: 6,
    dest_qpn: 4711,
    dgid: gid(8),
    sgid: gid(7),
    req_psn: 1000,
    comp_psn: 990,
    resp_psn: 2000,
    resp_msn: 12,
    has_recv_wqe: 1,
    recv_wqe_len: 20,
    res_count: 4,
    migr_state: 5,
    epoch: 3,
    peer_epoch: 2,
    sq: { buf_size: BigInt(sq.length), index: 29 },
    rq: { buf_size: BigInt(rq.length), index: 0 },
    ...more,
  };
  const res = Buffer.alloc(4 * sizeOf(layouts.roam_rxe_res));
  return record('QP', roam_rxe_qp, 3, values, Buffer.concat([res, pad8(Buffer.alloc(20)), sq, rq]));
}

export function cqRecord(more: Partly<Struct<typeof layouts.roam_rxe_cq>> = {}): Buffer {
  const entries = ring(64, 99, 60);
  const values = {
    channel: 0xc0ffeen,
    cqe: 63,
    notify: 2,
    q: { buf_size: BigInt(entries.length), index: 1 },
  };
  return record('CQ', layouts.roam_rxe_cq, 1, { ...values, ...more }, entries);
}

export function mrRecord(more: Partly<Struct<typeof layouts.roam_rxe_mr>> = {}): Buffer {
  const values = {
    access: 7,
    start: 0x7f0000001000n,
    length: 8192n,
    iova: 0x7f0000001000n,
    lkey: 0x402a9,
    rkey: 0x402a9,
  };
  return record('MR', layouts.roam_rxe_mr, 2, { pd_handle: 0, ...values, ...more });
}

export function asyncRecord(handle = 3): Buffer {
  const events = struct(layouts.roam_rxe_event, { type: 4, handle });
  return record('ASYNC', layouts.roam_rxe_file, layouts.NONE, { id: 0xa5n, event_count: 1 }, events);
}

export const pdRecord = (handle = 0): Buffer => record('PD', layouts.roam_rxe_pd, handle, {});

export const channelRecord = (): Buffer =>
  record('COMP_CHANNEL', layouts.roam_rxe_file, layouts.NONE, { id: 0xc0ffeen });

export const allRecords = (qp: QpValues = {}): Buffer[] => [
  channelRecord(),
  asyncRecord(),
  pdRecord(),
  cqRecord(),
  mrRecord(),
  qpRecord(qp),
];

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
    max_handle: 3,
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
