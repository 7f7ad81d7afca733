// A context's image (roam-rdma-ctx-N.img), cut into its records. It is refused for what the plugin refuses it for
// in a restore (native/criu-plugin/image.c), in the same order; references are looked at in references.ts.
import { ImageError } from './image-error.js';
import { type Layout, readStruct, type Struct, sizeOf } from './layout.js';
import { roam_rxe_qp } from './layout-qp.js';
import {
  CONTEXT_MAGIC,
  DESCRIPTOR_MAGIC,
  DUMP_MAGIC,
  DUMP_VERSION,
  IMAGE_VERSION,
  img_ctx,
  img_fd,
  img_hdr,
  MAX_HANDLE,
  NONE,
  RECORD_TYPE,
  roam_rxe_ah,
  roam_rxe_cq,
  roam_rxe_dump_hdr,
  roam_rxe_event,
  roam_rxe_file,
  roam_rxe_mcast,
  roam_rxe_mr,
  roam_rxe_mw,
  roam_rxe_pd,
  roam_rxe_rec,
  roam_rxe_res,
  roam_rxe_srq,
} from './layouts.js';

/** A file's bytes, and the name that errors have. */
export interface ImageFile {
  path: string;
  bytes: Uint8Array;
}

/** One record of a checked dump. */
export interface DumpRecord {
  /** In the file. */
  offset: number;
  rec: Struct<typeof roam_rxe_rec>;
}

export interface ContextImage {
  ctx: Struct<typeof img_ctx>;
  dump: Struct<typeof roam_rxe_dump_hdr>;
  uverbs: string;
  device: string;
  records: DumpRecord[];
}

const align8 = (n: bigint): bigint => (n + 7n) & ~7n;

function checkHeader({ path, bytes }: ImageFile, magic: number, least: Layout): void {
  if (bytes.length < sizeOf(img_hdr))
    throw new ImageError(path, `it has ${bytes.length} bytes and is shorter than a header`, { offset: 0 });
  const header = readStruct(img_hdr, bytes, 0);
  if (header.magic !== magic)
    throw new ImageError(path, 'it does not begin as an image of the plugin', { offset: 0 });
  if (header.version !== IMAGE_VERSION)
    throw new ImageError(path, `the plugin wrote it in version ${header.version}, not ${IMAGE_VERSION}`, {
      offset: 4,
      remedy: 'inspect it with the release of roam-rdma that made it',
    });
  if (header.len !== BigInt(bytes.length))
    throw new ImageError(path, `it has ${bytes.length} bytes, its header says ${header.len}`, { offset: 8 });
  if (bytes.length < sizeOf(least))
    throw new ImageError(path, 'it is shorter than its header says', { offset: bytes.length });
}

function text({ path }: ImageFile, field: Uint8Array, offset: number, what: string): string {
  const end = field.indexOf(0);
  if (end < 1) throw new ImageError(path, `it names no ${what}`, { offset });
  return Buffer.from(field.subarray(0, end)).toString();
}

/** @throws ImageError */
export function readDescriptorImage(file: ImageFile): Struct<typeof img_fd> {
  const { path, bytes } = file;
  checkHeader(file, DESCRIPTOR_MAGIC, img_fd);
  const size = sizeOf(img_fd);
  if (bytes.length !== size) throw new ImageError(path, 'it has bytes at its end', { offset: size });
  const fd = readStruct(img_fd, bytes, 0);
  if (fd.kind < 1 || fd.kind > 3)
    throw new ImageError(path, `it is of the unknown kind ${fd.kind}`, { offset: 20 });
  if ((fd.kind === 1) !== (fd.file_id === 0n))
    throw new ImageError(path, 'its file id does not fit its kind', { offset: 24 });
  return fd;
}

/** @throws ImageError */
export function readContextImage(file: ImageFile): ContextImage {
  const { path, bytes } = file;
  checkHeader(file, CONTEXT_MAGIC, img_ctx);
  const ctx = readStruct(img_ctx, bytes, 0);
  const start = sizeOf(img_ctx);
  const uverbs = text(file, ctx.uverbs, 24, 'uverbs node');
  if (ctx.dump_len !== BigInt(bytes.length - start))
    throw new ImageError(path, `its dump should have ${ctx.dump_len} bytes, it has ${bytes.length - start}`, {
      offset: 56,
    });
  const dump = checkDump(file, start);
  return {
    ctx,
    dump,
    uverbs,
    device: text(file, dump.ib_name, start + 32, 'device'),
    records: cutRecords(file, start, dump),
  };
}

function checkDump({ path, bytes }: ImageFile, start: number): Struct<typeof roam_rxe_dump_hdr> {
  const length = bytes.length - start;
  if (length < sizeOf(roam_rxe_dump_hdr))
    throw new ImageError(path, 'its dump is shorter than a header', { offset: start });
  const dump = readStruct(roam_rxe_dump_hdr, bytes, start);
  if (dump.magic !== DUMP_MAGIC)
    throw new ImageError(path, 'its dump is none of the rdma_rxe module', { offset: start });
  if (dump.version !== DUMP_VERSION)
    throw new ImageError(path, `its dump has version ${dump.version}, not ${DUMP_VERSION}`, {
      offset: start + 4,
      remedy: 'inspect it with the release of roam-rdma whose module made it',
    });
  if (dump.len !== BigInt(length))
    throw new ImageError(path, `its dump has ${length} bytes, its header says ${dump.len}`, {
      offset: start + 8,
    });
  if (dump.max_handle !== NONE && dump.max_handle > MAX_HANDLE)
    throw new ImageError(path, `its highest handle ${dump.max_handle} is impossible`, { offset: start + 20 });
  return dump;
}

function cutRecords(file: ImageFile, start: number, dump: Struct<typeof roam_rxe_dump_hdr>): DumpRecord[] {
  const { path, bytes } = file;
  const records: DumpRecord[] = [];
  let at = start + sizeOf(roam_rxe_dump_hdr);
  for (let i = 0; i < dump.count; i++) {
    if (bytes.length - at < sizeOf(roam_rxe_rec))
      throw new ImageError(path, `it ends after ${i} of ${dump.count} records`, { offset: at });
    const rec = readStruct(roam_rxe_rec, bytes, at);
    checkRecord(file, at, rec, dump.max_handle);
    records.push({ offset: at, rec });
    // The alignment of the last one need not be there.
    at = Math.min(at + Number(align8(BigInt(rec.len))), bytes.length);
  }
  if (at !== bytes.length) throw new ImageError(path, 'it has bytes behind its last record', { offset: at });
  return records;
}

/** Whether the record tells a uverbs handle: its own, or that of the QP which is attached; files have none. */
const tellsHandle = ({ type }: Struct<typeof roam_rxe_rec>): boolean =>
  type !== RECORD_TYPE.COMP_CHANNEL && type !== RECORD_TYPE.ASYNC;

/** Whether the record is of something that has a uverbs handle. */
export const hasHandle = (rec: Struct<typeof roam_rxe_rec>): boolean =>
  tellsHandle(rec) && rec.type !== RECORD_TYPE.MCAST;

function checkRecord(
  { path, bytes }: ImageFile,
  offset: number,
  rec: Struct<typeof roam_rxe_rec>,
  maxHandle: number,
): void {
  if (rec.len < sizeOf(roam_rxe_rec) || rec.len > bytes.length - offset)
    throw new ImageError(path, `a record of ${rec.len} bytes reaches beyond its end`, { offset });
  const need = recordSize(bytes, offset, rec);
  // What pads the end of a record is less than a word.
  const padding = BigInt(rec.len) - (need ?? 0n);
  if (need === undefined || padding < 0n || padding >= 8n)
    throw new ImageError(path, `a record of type ${rec.type} cannot have ${rec.len} bytes`, { offset });
  if (tellsHandle(rec) && (maxHandle === NONE || rec.handle > maxHandle))
    throw new ImageError(path, `handle ${rec.handle} of a record is above the highest one`, {
      offset: offset + 8,
    });
}

/** Bytes that a record of its type has to have; undefined where its fixed part is not whole. */
function recordSize(
  bytes: Uint8Array,
  offset: number,
  { type, len }: Struct<typeof roam_rxe_rec>,
): bigint | undefined {
  const fixed = <L extends Layout>(layout: L): Struct<L> | undefined =>
    len < sizeOf(layout) ? undefined : readStruct(layout, bytes, offset);
  switch (type) {
    case RECORD_TYPE.PD:
      return BigInt(sizeOf(roam_rxe_pd));
    case RECORD_TYPE.MR:
      return BigInt(sizeOf(roam_rxe_mr));
    case RECORD_TYPE.AH:
      return BigInt(sizeOf(roam_rxe_ah));
    case RECORD_TYPE.MW:
      return BigInt(sizeOf(roam_rxe_mw));
    case RECORD_TYPE.MCAST:
      return BigInt(sizeOf(roam_rxe_mcast));
    case RECORD_TYPE.COMP_CHANNEL:
    case RECORD_TYPE.ASYNC: {
      const events = fixed(roam_rxe_file)?.event_count;
      return events === undefined
        ? undefined
        : BigInt(sizeOf(roam_rxe_file)) + BigInt(events) * BigInt(sizeOf(roam_rxe_event));
    }
    case RECORD_TYPE.CQ: {
      const cq = fixed(roam_rxe_cq);
      return cq && BigInt(sizeOf(roam_rxe_cq)) + cq.q.buf_size;
    }
    case RECORD_TYPE.SRQ: {
      const srq = fixed(roam_rxe_srq);
      return srq && BigInt(sizeOf(roam_rxe_srq)) + srq.q.buf_size;
    }
    case RECORD_TYPE.QP: {
      const qp = fixed(roam_rxe_qp);
      return qp && queueOffsets(qp).end;
    }
    default:
      return undefined;
  }
}

/** Where the rings of a QP begin in its record, and where it ends. */
export function queueOffsets(qp: Struct<typeof roam_rxe_qp>): { sq: bigint; rq: bigint; end: bigint } {
  const resources = BigInt(qp.res_count) * BigInt(sizeOf(roam_rxe_res));
  const sq = BigInt(sizeOf(roam_rxe_qp)) + resources + align8(BigInt(qp.recv_wqe_len));
  const rq = sq + align8(qp.sq.buf_size);
  return { sq, rq, end: rq + qp.rq.buf_size };
}
