import type { Ah } from './ah.js';
import { type Access, accessBits, SEND_FLAGS, SEND_OPCODES } from './enums.js';
import type { Sge } from './mr.js';
import type { Mw } from './mw.js';

// Layout of the records that native/verbs/objects/post.cc reads.
const SEND_HEADER = 80;
const RECEIVE_HEADER = 16;
const SGE = 16;
const MAX_SGE = 32;

export function sendStride(maxSge: number): number {
  return SEND_HEADER + Math.min(maxSge, MAX_SGE) * SGE;
}

export function receiveStride(maxSge: number): number {
  return RECEIVE_HEADER + Math.min(maxSge, MAX_SGE) * SGE;
}

/** A place in the peer's memory. */
export interface RemoteAddress {
  address: bigint;
  rkey: number;
}

/** What every request to send may have. */
export interface SendCommon {
  /** Comes back with the completion: a number from 0 to 2^53 - 1. Default: 0. */
  wrId?: number;
  /** What is sent, or where to a READ or an atomic brings its answer. Default: nothing. */
  sges?: readonly Sge[];
  /** Whether it has a completion if it succeeds. Default: true. */
  signaled?: boolean;
  /** Starts only when all READs and atomics before it are done. */
  fence?: boolean;
  /** Makes an event for a peer that waits for solicited ones only. */
  solicited?: boolean;
  /** The data are copied as it is posted, and may be overwritten at once. */
  inline?: boolean;
  /** UD: the destination. */
  ud?: { ah: Ah; qpn: number; qkey: number };
  /** XRC: the peer's SRQ. */
  srqNumber?: number;
}

/** A work request for the send queue, ibv_post_send(3). */
export type SendRequest = SendCommon &
  (
    | { opcode: 'SEND' }
    | { opcode: 'SEND_WITH_IMM'; immediate: number }
    | { opcode: 'SEND_WITH_INV'; invalidateRkey: number }
    | { opcode: 'WRITE'; remote: RemoteAddress }
    | { opcode: 'WRITE_WITH_IMM'; remote: RemoteAddress; immediate: number }
    | { opcode: 'READ'; remote: RemoteAddress }
    | { opcode: 'COMPARE_SWAP'; remote: RemoteAddress; compare: bigint; swap: bigint }
    | { opcode: 'FETCH_ADD'; remote: RemoteAddress; add: bigint }
    | { opcode: 'LOCAL_INV'; invalidateRkey: number }
    /** Binds the MW to `sges[0]`. `rkey`: of the MW from then on; only its lowest byte may change. */
    | { opcode: 'BIND_MW'; mw: Mw; access: readonly Access[]; rkey: number }
  );

/** A receive, ibv_post_recv(3). */
export interface ReceiveRequest {
  /** Comes back with the completion. Default: 0. */
  wrId?: number;
  /** Where the message goes. Default: nowhere, for messages without data. */
  sges?: readonly Sge[];
}

const NONE: readonly Sge[] = [];

/** Before anything is written: a request that is refused must leave the record as it was. */
function checkSges(sges: readonly Sge[], room: number): void {
  const limit = Math.min(room, MAX_SGE);
  if (sges.length > limit) throw new RangeError(`${sges.length} SGEs: the queue takes ${limit}`);
  for (const { mr, offset = 0, length = mr.length - offset } of sges) {
    mr.life.check();
    if (!(offset >= 0 && length >= 0 && offset + length <= mr.length && length <= 0xffffffff)) {
      throw new RangeError(`offset ${offset}, length ${length}: ${mr.life.what} has ${mr.length} bytes`);
    }
  }
}

/** @throws {RangeError} for what would be cut to 32 bits */
function word(name: string, value: number): number {
  if (Number.isInteger(value) && value >= 0 && value <= 0xffffffff) return value;
  throw new RangeError(`${name} is a number from 0 to 2^32 - 1, not ${value}`);
}

function encodeSges(view: DataView, at: number, sges: readonly Sge[]): void {
  for (const [index, { mr, offset = 0, length = mr.length - offset }] of sges.entries()) {
    const where = at + index * SGE;
    view.setUint32(where, mr.native.id, true);
    view.setUint32(where + 4, length, true);
    view.setFloat64(where + 8, offset, true);
  }
}

function checkWrId(wrId: number): number {
  if (Number.isSafeInteger(wrId) && wrId >= 0) return wrId;
  throw new RangeError(`a wrId is an integer from 0 to 2^53 - 1, not ${wrId}`);
}

/** Writes `request` as record `index`; a negative `wrId` is this package's own. */
export function encodeSend(
  view: DataView,
  index: number,
  maxSge: number,
  request: SendRequest,
  wrId = checkWrId(request.wrId ?? 0),
): void {
  const at = index * sendStride(maxSge);
  const opcode = SEND_OPCODES[request.opcode];
  if (opcode === undefined) {
    throw new RangeError(`opcode: ${request.opcode} is none of ${Object.keys(SEND_OPCODES).join(', ')}`);
  }
  const sges = request.sges ?? NONE;
  let flags = request.signaled === false ? 0 : SEND_FLAGS.SIGNALED;
  if (request.fence === true) flags |= SEND_FLAGS.FENCE;
  if (request.solicited === true) flags |= SEND_FLAGS.SOLICITED;
  if (request.inline === true) flags |= SEND_FLAGS.INLINE;
  // Everything that can be refused comes before the first byte is written.
  checkSges(sges, maxSge);
  const immediate =
    'immediate' in request
      ? word('immediate', request.immediate)
      : 'invalidateRkey' in request
        ? word('invalidateRkey', request.invalidateRkey)
        : 0;
  const remoteRkey = 'remote' in request ? word('remote.rkey', request.remote.rkey) : 0;
  const { ud, srqNumber = 0 } = request;
  ud?.ah.life.check();
  const udWords =
    ud === undefined ? [0, 0, 0] : [ud.ah.native.id, word('ud.qpn', ud.qpn), word('ud.qkey', ud.qkey)];
  const mwWords = [0, 0, 0];
  if (request.opcode === 'BIND_MW') {
    request.mw.life.check();
    mwWords.splice(0, 3, request.mw.native.id, accessBits(request.access), word('rkey', request.rkey));
  }
  const [compareAdd, swap] =
    request.opcode === 'COMPARE_SWAP'
      ? [request.compare, request.swap]
      : [request.opcode === 'FETCH_ADD' ? request.add : 0n, 0n];

  view.setFloat64(at, wrId, true);
  const words = [opcode, flags, immediate, sges.length];
  for (const [n, value] of words.entries()) view.setUint32(at + 8 + 4 * n, value, true);
  view.setBigUint64(at + 24, 'remote' in request ? request.remote.address : 0n, true);
  view.setBigUint64(at + 32, compareAdd, true);
  view.setBigUint64(at + 40, swap, true);
  const rest = [remoteRkey, ...udWords, word('srqNumber', srqNumber), ...mwWords];
  for (const [n, value] of rest.entries()) view.setUint32(at + 48 + 4 * n, value, true);
  encodeSges(view, at + SEND_HEADER, sges);
}

export function encodeReceive(
  view: DataView,
  index: number,
  maxSge: number,
  request: ReceiveRequest,
  wrId = checkWrId(request.wrId ?? 0),
): void {
  const at = index * receiveStride(maxSge);
  const sges = request.sges ?? NONE;
  checkSges(sges, maxSge);
  view.setFloat64(at, wrId, true);
  view.setUint32(at + 8, sges.length, true);
  view.setUint32(at + 12, 0, true);
  encodeSges(view, at + RECEIVE_HEADER, sges);
}
