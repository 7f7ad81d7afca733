// What native/verbs/objects gives; the comments are in its headers.
import type { DeviceAttributes } from './device-attributes.js';
import type { GidInfo } from './devices.js';

declare const kind: unique symbol;

/** A verbs object of the addon. */
export interface Handle<K extends string> {
  readonly [kind]: K;
  /** Unique in its context. */
  readonly id: number;
}
export type NativeContextHandle = Handle<'context'>;
export type NativePages = Handle<'pages'> & { readonly buffer: ArrayBuffer };
export type NativePd = Handle<'pd'>;
export type NativeMr = Handle<'mr'> & {
  readonly lkey: number;
  readonly rkey: number;
  readonly address: bigint;
};
export type NativeChannel = Handle<'channel'> & { readonly fd: number };
export type NativeCq = Handle<'cq'> & {
  readonly depth: number;
  /** See native/verbs/objects/cq.h. */
  poll(records: Uint8Array, patience: number, least: number): number;
};
type Post = (records: Uint8Array, stride: number, first: number, count: number) => void;
/** See native/verbs/objects/round.h. */
export type NativeRound = (withoutPatience?: true) => number;
export type PrepareRound = (
  records: Uint8Array,
  stride: number,
  first: number,
  count: number,
  cq: NativeCq,
  completions: Uint8Array,
  patience: number,
  least: number,
) => NativeRound;
/** See native/verbs/objects/post.h. */
export interface NativeReceiver {
  readonly postReceive: Post;
  readonly receiveRound: PrepareRound;
}
export type NativeSrq = Handle<'srq'> &
  NativeReceiver & {
    readonly maxWr: number;
    readonly maxSge: number;
    readonly number?: number;
  };
export type NativeQpHandle = Handle<'qp'> &
  NativeReceiver & {
    readonly qpn: number;
    readonly handle: number;
    readonly cap: Required<QpCap>;
    readonly postSend: Post;
    readonly sendRound: PrepareRound;
  };
export type NativeAh = Handle<'ah'>;
export type NativeMw = Handle<'mw'> & { readonly rkey: number };
export type NativeXrcd = Handle<'xrcd'>;

/** Sizes of a QP's queues, `ibv_qp_cap`; a driver may round up. */
export interface QpCap {
  /** Work requests. */
  maxSendWr?: number;
  maxRecvWr?: number;
  /** Scatter-gather elements of a work request. */
  maxSendSge?: number;
  maxRecvSge?: number;
  /** Bytes. */
  maxInlineData?: number;
}

/** `ibv_ah_attr` as the addon takes it. */
export interface NativeAddress {
  port: number;
  dlid?: number;
  sl?: number;
  staticRate?: number;
  srcPathBits?: number;
  dgid?: Uint8Array;
  sgidIndex?: number;
  hopLimit?: number;
  trafficClass?: number;
  flowLabel?: number;
}

export interface NativeQpAttributes {
  state?: number;
  currentState?: number;
  pathMtu?: number;
  pathMigState?: number;
  access?: number;
  pkeyIndex?: number;
  port?: number;
  qkey?: number;
  rqPsn?: number;
  sqPsn?: number;
  destQpn?: number;
  maxRdAtomic?: number;
  maxDestRdAtomic?: number;
  minRnrTimer?: number;
  timeout?: number;
  retryCount?: number;
  rnrRetry?: number;
  notifySqDrained?: boolean;
  address?: NativeAddress;
}

export type NativeQpQuery = Required<Omit<NativeQpAttributes, 'address' | 'notifySqDrained'>> & {
  sqDraining: boolean;
  sqSigAll: boolean;
  cap: Required<QpCap>;
  address: Omit<NativeAddress, 'dgid'> & { dgid?: string };
};

/** Attributes that bring a QP to a state; `address` as a query gives it. */
export type NativeQpTarget = Omit<NativeQpAttributes, 'address' | 'state' | 'currentState'> & {
  state: number;
  address?: NativeQpQuery['address'];
};

export interface NativePort {
  port: number;
  state: string;
  mtu: number;
  maxMtu: number;
  linkLayer: string;
  lid: number;
  maxMessageSize: number;
  gidTableLength: number;
  pkeyTableLength: number;
}

export interface NativeRange {
  mr: NativeMr;
  offset?: number;
  length?: number;
}

/** An asynchronous event; `id` names the object, `port` what it is about when there is none. */
export interface NativeEvent {
  type: number;
  id?: number;
  port?: number;
}

export interface NativeObjects {
  contextOpen(device: string): NativeContextHandle;
  contextClose(context: NativeContextHandle): void;
  contextFds(context: NativeContextHandle): { command: number; async: number };
  contextDevice(context: NativeContextHandle): DeviceAttributes;
  contextPort(context: NativeContextHandle, port: number): NativePort;
  contextGids(context: NativeContextHandle): GidInfo[];
  contextEvent(context: NativeContextHandle): NativeEvent | undefined;

  pagesMap(length: number, huge: boolean): NativePages;
  pagesFree(pages: NativePages): void;
  pdAlloc(context: NativeContextHandle): NativePd;
  mrRegister(
    pd: NativePd,
    pages: NativePages,
    options: { offset?: number; length?: number; access: number; iova?: bigint },
  ): NativeMr;
  mrRereg(
    mr: NativeMr,
    options: { pd?: NativePd; access?: number; pages?: NativePages; offset?: number; length?: number },
  ): void;
  mrAdvise(pd: NativePd, advice: number, flags: number, ranges: readonly NativeRange[]): void;
  mwAlloc(pd: NativePd, type: number): NativeMw;
  mwRkey(mw: NativeMw): number;
  ahCreate(pd: NativePd, address: NativeAddress): NativeAh;
  xrcdOpen(context: NativeContextHandle, options: { fd?: number }): NativeXrcd;
  objectDestroy(object: Handle<string>): void;

  channelCreate(context: NativeContextHandle): NativeChannel;
  channelEvents(channel: NativeChannel, limit: number): number[];
  cqCreate(
    context: NativeContextHandle,
    depth: number,
    channel: NativeChannel | undefined,
    vector: number,
  ): NativeCq;
  cqResize(cq: NativeCq, depth: number): number;
  cqArm(cq: NativeCq, solicitedOnly: boolean): void;

  qpCreate(
    context: NativeContextHandle,
    options: {
      pd?: NativePd;
      type: number;
      sendCq?: NativeCq;
      recvCq?: NativeCq;
      srq?: NativeSrq;
      xrcd?: NativeXrcd;
      sqSigAll?: boolean;
      cap: QpCap;
    },
  ): NativeQpHandle;
  qpModify(qp: NativeQpHandle, attributes: NativeQpAttributes): void;
  qpQuery(qp: NativeQpHandle): NativeQpQuery;
  qpAttachMcast(qp: NativeQpHandle, gid: Uint8Array, lid: number): void;
  qpDetachMcast(qp: NativeQpHandle, gid: Uint8Array, lid: number): void;
  qpInFlight(qp: NativeQpHandle): { send: number; receive: number };

  srqCreate(
    pd: NativePd,
    options: { maxWr: number; maxSge: number; limit?: number; xrcd?: NativeXrcd; cq?: NativeCq },
  ): NativeSrq;
  srqModify(srq: NativeSrq, options: { maxWr?: number; limit?: number }): void;
  srqQuery(srq: NativeSrq): { maxWr: number; maxSge: number; limit: number };
}
