import { RoamError } from '../errors.js';

/** `enum rdma_cm_event_type`, in its order. */
export const CM_EVENTS = [
  'ADDR_RESOLVED',
  'ADDR_ERROR',
  'ROUTE_RESOLVED',
  'ROUTE_ERROR',
  'CONNECT_REQUEST',
  'CONNECT_RESPONSE',
  'CONNECT_ERROR',
  'UNREACHABLE',
  'REJECTED',
  'ESTABLISHED',
  'DISCONNECTED',
  'DEVICE_REMOVAL',
  'MULTICAST_JOIN',
  'MULTICAST_ERROR',
  'ADDR_CHANGE',
  'TIMEWAIT_EXIT',
] as const;
export type CmEventType = (typeof CM_EVENTS)[number];

const reasons: Partial<Record<CmEventType, string>> = {
  ADDR_ERROR: 'no RDMA device reaches that address',
  ROUTE_ERROR: 'there is no route',
  CONNECT_ERROR: 'the connection failed',
  UNREACHABLE: 'nobody answers',
  REJECTED: 'the peer has rejected the connection',
  DISCONNECTED: 'the peer has disconnected',
  DEVICE_REMOVAL: 'the RDMA device was removed',
};

/** A connection that did not come about, rdma_get_cm_event(3). `code` is `CM_` and the event's name. */
export class CmError extends RoamError {
  readonly event: CmEventType;
  /** A negative errno, or of a rejection its reason: 28 is the peer's program, 8 that nobody listens. */
  readonly status: number;
  /** What the peer has sent with a rejection. */
  readonly privateData: Buffer;

  constructor(what: string, event: CmEventType, status: number, privateData: Buffer) {
    super(`CM_${event}`, `${what}: ${reasons[event] ?? `unexpected event ${event}`} (status ${status})`);
    this.event = event;
    this.status = status;
    this.privateData = privateData;
  }
}
