// The records of a dump, made by hand: one of every kind.
import { type Layout, type Struct, sizeOf } from '../../../src/inspect/layout.js';
import { roam_rxe_qp } from '../../../src/inspect/layout-qp.js';
import * as layouts from '../../../src/inspect/layouts.js';

/** What is not given is zero. */
export type Partly<T> = { [K in keyof T]?: T[K] extends Uint8Array | bigint | number ? T[K] : Partly<T[K]> };

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

/** A QP whose send queue has 5 of 16 posted, its receive queue (none with an SRQ) 3 of 8, with 4 responder resources. */
export function qpRecord(more: QpValues = {}): Buffer {
  const sq = ring(32, 2, 99);
  const rq = (more.srq ?? layouts.NONE) === layouts.NONE ? ring(16, 3, 99) : Buffer.alloc(0);
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
    srq: layouts.NONE,
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

/** An SRQ with 6 of 10 posted. */
export function srqRecord(more: Partly<Struct<typeof layouts.roam_rxe_srq>> = {}): Buffer {
  const entries = ring(16, 1, 99);
  const values = {
    srq_num: 77,
    max_wr: 10,
    max_sge: 2,
    limit: 4,
    q: { buf_size: BigInt(entries.length), index: 11 },
  };
  return record('SRQ', layouts.roam_rxe_srq, 4, { ...values, ...more }, entries);
}

export function ahRecord(more: Partly<Struct<typeof layouts.roam_rxe_ah>> = {}): Buffer {
  const values = { ah_num: 33, port_num: 1, sgid_index: 2, hop_limit: 64, dgid: gid(9), sgid: gid(7) };
  return record('AH', layouts.roam_rxe_ah, 5, { ...values, ...more });
}

/** A window of type 2, bound to half of the MR for the QP. */
export function mwRecord(more: Partly<Struct<typeof layouts.roam_rxe_mw>> = {}): Buffer {
  const values = {
    mw_type: 2,
    rkey: 0x1503,
    state: 2,
    access: 2,
    mr_lkey: 0x402a9,
    qpn: 18,
    addr: 0x7f0000002000n,
    length: 4096n,
  };
  return record('MW', layouts.roam_rxe_mw, 6, { ...values, ...more });
}

export function mcastRecord(handle = 3): Buffer {
  const group = Uint8Array.from([0xff, 0x0e, ...Array(11).fill(0), 0xd1, 0, 1]);
  return record('MCAST', layouts.roam_rxe_mcast, handle, { gid: group, lid: 7 });
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
  srqRecord(),
  ahRecord(),
  mrRecord(),
  qpRecord(qp),
  mwRecord(),
  mcastRecord(),
];

/** The highest handle of them. */
export const LAST_HANDLE = 6;
