import { rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ImageError, inspectImages } from '../../../src/inspect/index.js';
import { contextImage, descriptorImage, scratch, wholeDump, writeDump } from './images.js';
import {
  ahRecord,
  allRecords,
  asyncRecord,
  cqRecord,
  mcastRecord,
  mrRecord,
  mwRecord,
  pdRecord,
  qpRecord,
  srqRecord,
} from './records.js';

let dir: string;
beforeEach(async () => {
  dir = await scratch();
});
afterEach(() => rm(dir, { recursive: true }));

/** What is said of a dump one of whose images is another. */
async function refusal(name: string, bytes: Buffer | undefined): Promise<ImageError> {
  const files = wholeDump();
  if (bytes) files.set(name, bytes);
  else files.delete(name);
  const error = await inspectImages(await writeDump(dir, files)).then(
    () => undefined,
    (thrown) => thrown,
  );
  expect(error).toBeInstanceOf(ImageError);
  expect(basename(error.file)).toBe(name);
  expect(error.message).toContain(name);
  expect(error.remedy).toBeTruthy();
  return error;
}

const CONTEXT = 'roam-rdma-ctx-0.img';
const of = (name: string): Buffer => wholeDump().get(name) as Buffer;

/** An image with one number written over. */
const with32 = (bytes: Buffer, offset: number, value: number): Buffer => {
  bytes.writeUInt32LE(value, offset);
  return bytes;
};

const DUMP = 64;
const RECORDS = DUMP + 96;

describe('an image that is none is refused, by its name and with the reason', () => {
  it.each<[string, string, () => Buffer | undefined, RegExp]>([
    ['a missing inventory', 'inventory.img', () => undefined, /missing/],
    ['a missing core', 'core-17.img', () => undefined, /missing/],
    ['a missing mm', 'mm-17.img', () => undefined, /missing/],
    ['an empty inventory', 'inventory.img', () => Buffer.alloc(0), /shorter than a magic/],
    [
      'another image in its place',
      'pstree.img',
      () => of('mm-17.img'),
      /does not begin as CRIU's pstree.*byte 4/,
    ],
    ['a tree without a process', 'pstree.img', () => of('pstree.img').subarray(0, 8), /names no process/],
    ['a length cut off', 'mm-17.img', () => of('mm-17.img').subarray(0, 10), /within a length.*byte 8/],
    ['an entry cut off', 'mm-17.img', () => of('mm-17.img').subarray(0, 14), /beyond its end.*byte 8/],
    [
      'two cores',
      'core-17.img',
      () => Buffer.concat([of('core-17.img'), of('core-18.img').subarray(8)]),
      /more/,
    ],
    [
      'an entry that is no protobuf',
      'core-17.img',
      () => with32(of('core-17.img'), 12, 0xffffffff),
      /no task_core/,
    ],
    [
      'an entry without its fields',
      'pstree.img',
      () => Buffer.concat([of('pstree.img').subarray(0, 8), Buffer.alloc(4)]),
      /no tree_item: it has no pid/,
    ],
    ['a context without a header', CONTEXT, () => Buffer.from('RMCX'), /shorter than a header/],
    ['a foreign context', CONTEXT, () => of('mm-17.img'), /image of the plugin.*byte 0/],
    ['another plugin', CONTEXT, () => with32(of(CONTEXT), 4, 2), /version 2, not 1.*byte 4/],
    ['a truncated context', CONTEXT, () => of(CONTEXT).subarray(0, -1), /header says.*byte 8/],
    ['a context of another number', CONTEXT, () => with32(of(CONTEXT), 16, 1), /of context 1.*byte 16/],
    ['a context of no node', CONTEXT, () => with32(of(CONTEXT), 24, 0), /no uverbs node.*byte 24/],
    [
      'a dump of another length',
      CONTEXT,
      () => with32(of(CONTEXT), 56, 12),
      /dump should have 12 bytes.*byte 56/,
    ],
    ['a foreign dump', CONTEXT, () => with32(of(CONTEXT), DUMP, 1), /none of the rdma_rxe.*byte 64/],
    [
      'another module',
      CONTEXT,
      () => contextImage(allRecords(), { version: 9 }),
      /version 9, not 7.*byte 68/,
    ],
    [
      'a dump that lies of its length',
      CONTEXT,
      () => with32(of(CONTEXT), DUMP + 8, 1),
      /header says 1.*byte 72/,
    ],
    [
      'impossible handles',
      CONTEXT,
      () => contextImage(allRecords(), { max_handle: 0xfffffff }),
      /impossible/,
    ],
    ['a dump of no device', CONTEXT, () => with32(of(CONTEXT), DUMP + 24, 0), /names no device/],
    ['too many records', CONTEXT, () => contextImage(allRecords(), { count: 11 }), /ends after 10 of 11/],
    ['too few records', CONTEXT, () => contextImage(allRecords(), { count: 9 }), /behind its last record/],
    ['an unknown record', CONTEXT, () => with32(of(CONTEXT), RECORDS, 99), /record of type 99.*byte 160/],
    [
      'a record without a length',
      CONTEXT,
      () => with32(of(CONTEXT), RECORDS + 4, 0),
      /record of 0 bytes.*byte 160/,
    ],
    ['a long record', CONTEXT, () => with32(of(CONTEXT), RECORDS + 4, 1 << 30), /beyond its end.*byte 160/],
    ['a short record', CONTEXT, () => with32(of(CONTEXT), RECORDS + 4, 32), /cannot have 32 bytes/],
    [
      'events that are not there',
      CONTEXT,
      () => contextImage([with32(asyncRecord(), 32, 1e9)]),
      /type 4 cannot/,
    ],
    ['a handle above the highest', CONTEXT, () => contextImage([pdRecord(7)]), /handle 7 .* above/],
    [
      'two with one handle',
      CONTEXT,
      () => contextImage([pdRecord(), pdRecord()]),
      /two objects have handle 0/,
    ],
    ['an MR without its PD', CONTEXT, () => contextImage([mrRecord()]), /an MR names a PD with handle 0/],
    ['a QP without its PD', CONTEXT, () => contextImage([qpRecord()]), /a QP names a PD/],
    [
      'a QP whose CQ is an MR',
      CONTEXT,
      () => contextImage([pdRecord(), mrRecord(), cqRecord(), qpRecord({ recv_cq: 2 })]),
      /a QP names a CQ with handle 2/,
    ],
    [
      'a QP whose SRQ is not there',
      CONTEXT,
      () => contextImage([pdRecord(), cqRecord(), qpRecord({ srq: 4 })]),
      /a QP names an SRQ with handle 4/,
    ],
    [
      'a QP whose SRQ is a CQ',
      CONTEXT,
      () => contextImage([pdRecord(), cqRecord(), qpRecord({ srq: 1 })]),
      /a QP names an SRQ with handle 1/,
    ],
    [
      'an attachment of what is no QP',
      CONTEXT,
      () => contextImage([pdRecord(), cqRecord(), mcastRecord(1)]),
      /a multicast attachment names a QP with handle 1/,
    ],
    ['an SRQ without its PD', CONTEXT, () => contextImage([srqRecord()]), /an SRQ names a PD with handle 0/],
    ['an AH without its PD', CONTEXT, () => contextImage([ahRecord()]), /an AH names a PD with handle 0/],
    ['an MW without its PD', CONTEXT, () => contextImage([mwRecord()]), /an MW names a PD with handle 0/],
    [
      'an AH whose PD is an MW',
      CONTEXT,
      () => contextImage([pdRecord(), ahRecord({ pd_handle: 6 }), mwRecord()]),
      /an AH names a PD with handle 6/,
    ],
    [
      'a short SRQ',
      CONTEXT,
      () => contextImage([pdRecord(), with32(srqRecord(), 4, 80)]),
      /type 9 cannot have 80 bytes/,
    ],
    [
      'an SRQ whose ring reaches beyond it',
      CONTEXT,
      () => contextImage([pdRecord(), srqRecord({ q: { buf_size: 2048n } })]),
      /type 9 cannot have 1496 bytes.*byte 184/,
    ],
    [
      'an SRQ whose ring is shorter than what follows',
      CONTEXT,
      () => contextImage([pdRecord(), srqRecord({ q: { buf_size: 1400n } })]),
      /type 9 cannot have 1496 bytes/,
    ],
    [
      'an SRQ whose ring wraps',
      CONTEXT,
      () => contextImage([pdRecord(), srqRecord({ q: { buf_size: 2n ** 64n - 1n } })]),
      /type 9/,
    ],
    ['a short AH', CONTEXT, () => contextImage([with32(ahRecord(), 4, 80)]), /type 8 cannot have 80 bytes/],
    [
      'an AH with more',
      CONTEXT,
      () => contextImage([with32(ahRecord(), 4, 96), pdRecord()]),
      /type 8 cannot have 96 bytes/,
    ],
    ['a short MW', CONTEXT, () => contextImage([with32(mwRecord(), 4, 64)]), /type 10 cannot have 64 bytes/],
    [
      'an SRQ above the highest handle',
      CONTEXT,
      () => contextImage([pdRecord(), srqRecord()], { max_handle: 3 }),
      /handle 4 of a record is above/,
    ],
    [
      'an MW longer than any memory',
      CONTEXT,
      () => contextImage([pdRecord(), mwRecord({ length: 1n << 60n })]),
      /an MW of 1152921504606846976 bytes/,
    ],
    [
      'an event of nothing',
      CONTEXT,
      () => contextImage([asyncRecord(1), pdRecord(1)]),
      /unread event.*handle 1/,
    ],
    [
      'an MR longer than any memory',
      CONTEXT,
      () => contextImage([pdRecord(), mrRecord({ length: 1n << 60n })]),
      /an MR of 1152921504606846976 bytes/,
    ],
    [
      'queues whose lengths wrap',
      CONTEXT,
      () => contextImage([qpRecord({ sq: { buf_size: 2n ** 64n - 1n } })]),
      /type 7/,
    ],
    [
      'a descriptor with more',
      'roam-rdma-fd-a.img',
      () => Buffer.concat([descriptorImage(), Buffer.alloc(8)]),
      /says 40/,
    ],
    [
      'a descriptor of a kind',
      'roam-rdma-fd-a.img',
      () => descriptorImage({ kind: 4 }),
      /unknown kind 4.*byte 20/,
    ],
    ['a descriptor without a file', 'roam-rdma-fd-b.img', () => descriptorImage({ kind: 2 }), /file id/],
    [
      'a descriptor of no context',
      'roam-rdma-fd-a.img',
      () => descriptorImage({ context: 3 }),
      /context 3, whose image is missing/,
    ],
  ])('%s', async (_, name, bytes, reason) => {
    expect((await refusal(name, bytes())).message).toMatch(reason);
  });

  it('a directory that is none', async () => {
    const error = await inspectImages(`${dir}/none`).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'IMAGE_UNREADABLE', file: `${dir}/none` });
  });
});
