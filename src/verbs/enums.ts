// Values of <infiniband/verbs.h>. Numbers that are not here come from a newer driver: they read UNKNOWN(n).

/** ibv_access_flags, ibv_reg_mr(3). */
export const ACCESS = {
  LOCAL_WRITE: 1,
  REMOTE_WRITE: 1 << 1,
  REMOTE_READ: 1 << 2,
  REMOTE_ATOMIC: 1 << 3,
  MW_BIND: 1 << 4,
  ZERO_BASED: 1 << 5,
  ON_DEMAND: 1 << 6,
  HUGETLB: 1 << 7,
  RELAXED_ORDERING: 1 << 20,
} as const;
export type Access = keyof typeof ACCESS;

/** ibv_qp_type, ibv_create_qp(3). */
export const QP_TYPES = { RC: 2, UC: 3, UD: 4, RAW_PACKET: 8, XRC_SEND: 9, XRC_RECV: 10 } as const;
export type QpType = keyof typeof QP_TYPES;

/** ibv_qp_state, ibv_modify_qp(3). */
export const QP_STATES = { RESET: 0, INIT: 1, RTR: 2, RTS: 3, SQD: 4, SQE: 5, ERR: 6 } as const;
export type QpState = keyof typeof QP_STATES;

/** ibv_wr_opcode, ibv_post_send(3). */
export const SEND_OPCODES = {
  WRITE: 0,
  WRITE_WITH_IMM: 1,
  SEND: 2,
  SEND_WITH_IMM: 3,
  READ: 4,
  COMPARE_SWAP: 5,
  FETCH_ADD: 6,
  LOCAL_INV: 7,
  BIND_MW: 8,
  SEND_WITH_INV: 9,
} as const;
export type SendOpcode = keyof typeof SEND_OPCODES;

/** ibv_send_flags. */
export const SEND_FLAGS = { FENCE: 1, SIGNALED: 2, SOLICITED: 4, INLINE: 8 } as const;

/** ibv_wc_flags. */
export const WC_FLAGS = { GRH: 1, WITH_IMM: 2, WITH_INV: 16 } as const;

const WC_STATUSES = [
  'SUCCESS',
  'LOC_LEN_ERR',
  'LOC_QP_OP_ERR',
  'LOC_EEC_OP_ERR',
  'LOC_PROT_ERR',
  'WR_FLUSH_ERR',
  'MW_BIND_ERR',
  'BAD_RESP_ERR',
  'LOC_ACCESS_ERR',
  'REM_INV_REQ_ERR',
  'REM_ACCESS_ERR',
  'REM_OP_ERR',
  'RETRY_EXC_ERR',
  'RNR_RETRY_EXC_ERR',
  'LOC_RDD_VIOL_ERR',
  'REM_INV_RD_REQ_ERR',
  'REM_ABORT_ERR',
  'INV_EECN_ERR',
  'INV_EEC_STATE_ERR',
  'FATAL_ERR',
  'RESP_TIMEOUT_ERR',
  'GENERAL_ERR',
] as const;
/** ibv_wc_status, ibv_poll_cq(3). */
export type WcStatus = (typeof WC_STATUSES)[number] | `UNKNOWN(${number})`;

const WC_OPCODES: Record<number, string> = {
  0: 'SEND',
  1: 'WRITE',
  2: 'READ',
  3: 'COMPARE_SWAP',
  4: 'FETCH_ADD',
  5: 'BIND_MW',
  6: 'LOCAL_INV',
  128: 'RECV',
  129: 'RECV_WRITE_WITH_IMM',
};
/** ibv_wc_opcode. */
export type WcOpcode =
  | 'SEND'
  | 'WRITE'
  | 'READ'
  | 'COMPARE_SWAP'
  | 'FETCH_ADD'
  | 'BIND_MW'
  | 'LOCAL_INV'
  | 'RECV'
  | 'RECV_WRITE_WITH_IMM'
  | `UNKNOWN(${number})`;

const EVENTS = [
  'CQ_ERR',
  'QP_FATAL',
  'QP_REQ_ERR',
  'QP_ACCESS_ERR',
  'COMM_EST',
  'SQ_DRAINED',
  'PATH_MIG',
  'PATH_MIG_ERR',
  'DEVICE_FATAL',
  'PORT_ACTIVE',
  'PORT_ERR',
  'LID_CHANGE',
  'PKEY_CHANGE',
  'SM_CHANGE',
  'SRQ_ERR',
  'SRQ_LIMIT_REACHED',
  'QP_LAST_WQE_REACHED',
  'CLIENT_REREGISTER',
  'GID_CHANGE',
  'WQ_FATAL',
] as const;
/** ibv_event_type, ibv_get_async_event(3). */
export type AsyncEventType = (typeof EVENTS)[number] | `UNKNOWN(${number})`;

export function wcStatus(value: number): WcStatus {
  return WC_STATUSES[value] ?? `UNKNOWN(${value})`;
}

export function wcOpcode(value: number): WcOpcode {
  return (WC_OPCODES[value] as WcOpcode | undefined) ?? `UNKNOWN(${value})`;
}

export function asyncEventType(value: number): AsyncEventType {
  return EVENTS[value] ?? `UNKNOWN(${value})`;
}

export function qpStateName(value: number): QpState | `UNKNOWN(${number})` {
  const names = Object.keys(QP_STATES) as QpState[];
  return names[value] ?? `UNKNOWN(${value})`;
}

/** @throws {RangeError} for a name that is none. */
export function accessBits(names: readonly Access[]): number {
  let bits = 0;
  for (const name of names) {
    const bit = ACCESS[name];
    if (bit === undefined)
      throw new RangeError(`access: ${name} is none of ${Object.keys(ACCESS).join(', ')}`);
    bits |= bit;
  }
  return bits;
}

export function accessNames(bits: number): Access[] {
  return (Object.keys(ACCESS) as Access[]).filter((name) => (bits & ACCESS[name]) !== 0);
}
