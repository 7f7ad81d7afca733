import { type AddressVector, nativeAddress } from './ah.js';
import { type Access, accessBits, accessNames, QP_STATES, type QpState, qpStateName } from './enums.js';
import type { NativeQpAttributes, NativeQpQuery, NativeQpTarget, QpCap } from './native-objects.js';

/** What of a QP can be changed, `ibv_qp_attr`: which are given is what is changed. */
export interface QpAttributes {
  state?: QpState;
  currentState?: QpState;
  /** What peers may do. */
  access?: readonly Access[];
  pkeyIndex?: number;
  /** From 1. */
  port?: number;
  qkey?: number;
  /** Bytes: 256, 512, 1024, 2048 or 4096. */
  pathMtu?: number;
  destQpn?: number;
  /** First packet sequence number expected, and that of the first packet sent: 24 bits. */
  rqPsn?: number;
  sqPsn?: number;
  /** READs and atomics outstanding as requester, and as responder. */
  maxRdAtomic?: number;
  maxDestRdAtomic?: number;
  /** Code of IBTA section 9.7.5.2.8, 12: 0.64 ms. */
  minRnrTimer?: number;
  /** 4.096 µs * 2^timeout; 0: without end. */
  timeout?: number;
  /** 0 to 7. */
  retryCount?: number;
  /** 0 to 7, 7: without end. */
  rnrRetry?: number;
  pathMigState?: number;
  notifySqDrained?: boolean;
  address?: AddressVector;
}

/** All that verbs tells of a QP, ibv_query_qp(3). */
export interface QpQuery extends Required<Omit<QpAttributes, 'state' | 'currentState' | 'notifySqDrained'>> {
  state: QpState | `UNKNOWN(${number})`;
  currentState: QpState | `UNKNOWN(${number})`;
  sqDraining: boolean;
  sqSigAll: boolean;
  cap: Required<QpCap>;
}

function stateNumber(name: QpState): number {
  const value = QP_STATES[name];
  if (value === undefined)
    throw new RangeError(`state: ${name} is none of ${Object.keys(QP_STATES).join(', ')}`);
  return value;
}

export function nativeAttributes(attributes: QpAttributes): NativeQpAttributes {
  const { state, currentState, access, address, ...rest } = attributes;
  return {
    ...rest,
    ...(state === undefined ? {} : { state: stateNumber(state) }),
    ...(currentState === undefined ? {} : { currentState: stateNumber(currentState) }),
    ...(access === undefined ? {} : { access: accessBits(access) }),
    ...(address === undefined ? {} : { address: nativeAddress(address) }),
  };
}

/** What librdmacm wants a QP to be; the addon's form differs in numbers for names. */
export function fromNative({ state, access, address, ...rest }: NativeQpTarget): QpAttributes {
  return {
    ...rest,
    state: qpStateName(state) as QpState,
    ...(access === undefined ? {} : { access: accessNames(access) }),
    ...(address === undefined ? {} : { address }),
  };
}

export function queryResult(native: NativeQpQuery): QpQuery {
  return {
    ...native,
    state: qpStateName(native.state),
    currentState: qpStateName(native.currentState),
    access: accessNames(native.access),
  };
}
