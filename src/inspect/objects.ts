// From the records of a dump to what a person knows them by.
import { migrationState } from '../rxe/qp.js';
import type { MigrationState } from '../rxe/types.js';
import { accessNames, QP_TYPES, qpStateName } from '../verbs/enums.js';
import { type ContextImage, type ImageFile, queueOffsets } from './dump.js';
import { gidText } from './gid-text.js';
import { ImageError } from './image-error.js';
import { type Layout, readStruct, type Struct, sizeOf } from './layout.js';
import { roam_rxe_qp } from './layout-qp.js';
import {
  NONE,
  RECORD_TYPE,
  roam_rxe_ah,
  roam_rxe_cq,
  roam_rxe_event,
  roam_rxe_file,
  roam_rxe_mcast,
  roam_rxe_mr,
  roam_rxe_mw,
  roam_rxe_srq,
} from './layouts.js';
import { ringLength } from './ring.js';
import type { ImageAh, ImageCq, ImageEventFile, ImageMr, ImageMw, ImageQp, ImageSrq } from './types.js';

/** Gives the name by which an event file is known, by its id. */
export type NameFile = (id: bigint) => string;

export const hexId = (id: bigint): string => `0x${id.toString(16)}`;

/** Every record of one type. */
function structs<L extends Layout>(
  { bytes }: ImageFile,
  { records }: ContextImage,
  type: number,
  layout: L,
): { offset: number; of: Struct<L> }[] {
  return records
    .filter(({ rec }) => rec.type === type)
    .map(({ offset }) => ({ offset, of: readStruct(layout, bytes, offset) }));
}

export function eventFiles(
  file: ImageFile,
  image: ContextImage,
  type: 'COMP_CHANNEL' | 'ASYNC',
  name: NameFile,
): ImageEventFile[] {
  return structs(file, image, RECORD_TYPE[type], roam_rxe_file).map(({ offset, of }) => ({
    name: name(of.id),
    id: hexId(of.id),
    unread: Array.from({ length: of.event_count }, (_, i) => {
      const at = offset + sizeOf(roam_rxe_file) + i * sizeOf(roam_rxe_event);
      const event = readStruct(roam_rxe_event, file.bytes, at);
      return { type: event.type, ...(event.handle === NONE ? {} : { handle: event.handle }) };
    }),
  }));
}

/** `enum ib_cq_notify_flags`, of which a CQ keeps one. */
const ARMED = ['no', 'solicited', 'next'] as const;

export function completionQueues(file: ImageFile, image: ContextImage, name: NameFile): ImageCq[] {
  return structs(file, image, RECORD_TYPE.CQ, roam_rxe_cq).map(({ offset, of }) => ({
    handle: of.rec.handle,
    depth: of.cqe,
    completions: ringLength(file.bytes, offset + sizeOf(roam_rxe_cq), of.q, 'producer'),
    compVector: of.comp_vector,
    armed: ARMED[of.notify] ?? `UNKNOWN(${of.notify})`,
    ...(of.channel === 0n ? {} : { channel: name(of.channel) }),
    unreadEvents: of.comp_events_pending,
  }));
}

export function sharedReceiveQueues(file: ImageFile, image: ContextImage): ImageSrq[] {
  return structs(file, image, RECORD_TYPE.SRQ, roam_rxe_srq).map(({ offset, of }) => ({
    number: of.srq_num,
    handle: of.rec.handle,
    pd: of.pd_handle,
    depth: of.max_wr,
    sges: of.max_sge,
    posted: ringLength(file.bytes, offset + sizeOf(roam_rxe_srq), of.q, 'consumer'),
    limit: of.limit,
  }));
}

export function addressHandles(file: ImageFile, image: ContextImage): ImageAh[] {
  return structs(file, image, RECORD_TYPE.AH, roam_rxe_ah).map(({ of }) => ({
    number: of.ah_num,
    handle: of.rec.handle,
    pd: of.pd_handle,
    port: of.port_num,
    sgid: gidText(of.sgid),
    dgid: gidText(of.dgid),
    sgidIndex: of.sgid_index,
    flowLabel: of.flow_label,
    hopLimit: of.hop_limit,
    trafficClass: of.traffic_class,
  }));
}

/** @throws ImageError for more than a number can hold, which no memory has */
function byteLength({ path }: ImageFile, offset: number, what: string, length: bigint): number {
  if (length > BigInt(Number.MAX_SAFE_INTEGER))
    throw new ImageError(path, `${what} of ${length} bytes is in it`, { offset });
  return Number(length);
}

/** @throws ImageError */
export function memoryRegions(file: ImageFile, image: ContextImage): ImageMr[] {
  return structs(file, image, RECORD_TYPE.MR, roam_rxe_mr).map(({ offset, of }) => ({
    handle: of.rec.handle,
    pd: of.pd_handle,
    lkey: of.lkey,
    rkey: of.rkey,
    start: hexId(of.start),
    length: byteLength(file, offset, 'an MR', of.length),
    iova: hexId(of.iova),
    access: accessNames(of.access),
  }));
}

/** `enum rxe_mw_state` of the module. */
const MW_STATES = ['invalid', 'free', 'valid'] as const;

/** @throws ImageError */
export function memoryWindows(file: ImageFile, image: ContextImage): ImageMw[] {
  return structs(file, image, RECORD_TYPE.MW, roam_rxe_mw).map(({ offset, of }) => ({
    handle: of.rec.handle,
    pd: of.pd_handle,
    type: of.mw_type,
    rkey: of.rkey,
    state: MW_STATES[of.state] ?? `UNKNOWN(${of.state})`,
    ...(of.mr_lkey === 0 ? {} : { mrLkey: of.mr_lkey }),
    ...(of.qpn === 0 ? {} : { qpn: of.qpn }),
    addr: hexId(of.addr),
    length: byteLength(file, offset, 'an MW', of.length),
    access: accessNames(of.access),
  }));
}

const FLAGS = ['stopped', 'paused', 'resuming'] as const satisfies readonly MigrationState[];

const typeName = (type: number): string =>
  Object.entries(QP_TYPES).find(([, value]) => value === type)?.[0] ?? `UNKNOWN(${type})`;

/** `enum ib_mtu`, in bytes. */
const mtuBytes = (mtu: number): number => (mtu >= 1 && mtu <= 5 ? 128 << mtu : 0);

/** The multicast groups that QPs are attached to, by handle. */
function groupsOf(file: ImageFile, image: ContextImage): Map<number, string[]> {
  const groups = new Map<number, string[]>();
  for (const { of } of structs(file, image, RECORD_TYPE.MCAST, roam_rxe_mcast))
    groups.set(of.rec.handle, [...(groups.get(of.rec.handle) ?? []), gidText(of.gid)]);
  return groups;
}

export function queuePairs(file: ImageFile, image: ContextImage): ImageQp[] {
  const groups = groupsOf(file, image);
  return structs(file, image, RECORD_TYPE.QP, roam_rxe_qp).map(({ offset, of }) => {
    const migrationFlags = FLAGS.filter((_, bit) => (of.migr_state & (1 << bit)) !== 0);
    const { sq, rq } = queueOffsets(of);
    const posted = (start: bigint, queue: typeof of.sq) =>
      ringLength(file.bytes, offset + Number(start), queue, 'consumer');
    return {
      qpn: of.qpn,
      handle: of.rec.handle,
      type: typeName(of.qp_type),
      state: qpStateName(of.state),
      migrationState: migrationState(migrationFlags),
      migrationFlags,
      pd: of.pd_handle,
      sendCq: of.send_cq,
      recvCq: of.recv_cq,
      ...(of.srq === NONE ? {} : { srq: of.srq }),
      ...(groups.has(of.rec.handle) ? { groups: groups.get(of.rec.handle) } : {}),
      destQpn: of.dest_qpn,
      sgid: gidText(of.sgid),
      dgid: gidText(of.dgid),
      sgidIndex: of.sgid_index,
      pathMtu: mtuBytes(of.path_mtu),
      psn: { req: of.req_psn, comp: of.comp_psn, resp: of.resp_psn },
      msn: of.resp_msn,
      send: { depth: of.max_send_wr, sges: of.max_send_sge, posted: posted(sq, of.sq) },
      // With an SRQ it has no ring, which is not one that makes no sense.
      recv: {
        depth: of.max_recv_wr,
        sges: of.max_recv_sge,
        posted: of.srq === NONE ? posted(rq, of.rq) : 0,
      },
      maxInline: of.max_inline,
      maxRdAtomic: of.max_rd_atomic,
      maxDestRdAtomic: of.max_dest_rd_atomic,
      timeout: of.timeout,
      retryCnt: of.retry_cnt,
      rnrRetry: of.rnr_retry,
      minRnrTimer: of.min_rnr_timer,
      access: accessNames(of.access_flags),
      epoch: of.epoch,
      peerEpoch: of.peer_epoch,
      nakEpoch: of.nak_epoch,
      peerAware: of.peer_aware !== 0,
    };
  });
}
