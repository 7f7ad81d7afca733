import { randomInt } from 'node:crypto';
import type { Access, QpType } from './enums.js';
import type { QpAttributes } from './qp-attributes.js';

/** What one end of a connection tells the other. */
export interface Endpoint {
  qpn: number;
  /** Packet sequence number of the first packet that it sends. */
  psn: number;
  /** Written as an IPv6 address. */
  gid: string;
  /** 0 on Ethernet. */
  lid: number;
  /** Path MTU that its port can take, in bytes. */
  mtu: number;
}

export interface InitOptions {
  /** From 1. Default: 1. */
  port?: number;
  /** What the peer may do. Default: REMOTE_WRITE, REMOTE_READ, REMOTE_ATOMIC. */
  access?: readonly Access[];
}

export interface ConnectOptions extends InitOptions {
  /** Own GID: its index in the port's table; see `context.bestGid()`. */
  gidIndex: number;
  /** Bytes. Default: the most that both ports take. */
  pathMtu?: number;
  /** 4.096 µs * 2^timeout. Default: 14, 67 ms. */
  timeout?: number;
  /** Default: 7. */
  retryCount?: number;
  /** Default: 7, without end. */
  rnrRetry?: number;
  /** READs and atomics outstanding. Default: 16 each. */
  maxRdAtomic?: number;
  maxDestRdAtomic?: number;
  /** Default: 12, 0.64 ms. */
  minRnrTimer?: number;
  hopLimit?: number;
  trafficClass?: number;
  /** Service level. */
  sl?: number;
}

const ALL: readonly Access[] = ['REMOTE_WRITE', 'REMOTE_READ', 'REMOTE_ATOMIC'];

/** A random packet sequence number: two connections in a row must not take each other's packets. */
export function newPsn(): number {
  return randomInt(1 << 24);
}

export function initAttributes({ port = 1, access = ALL }: InitOptions): QpAttributes {
  return { state: 'INIT', pkeyIndex: 0, port, access };
}

/** The two changes of state that connect a QP in INIT. */
export function connectAttributes(
  type: QpType,
  local: Endpoint,
  remote: Endpoint,
  options: ConnectOptions,
): QpAttributes[] {
  if (type === 'UD' || type === 'RAW_PACKET') throw new TypeError(`a ${type} QP has no connection`);
  const { gidIndex, port = 1, hopLimit, trafficClass, sl } = options;
  // Only types with acknowledgements have what retries and READs need.
  const reliable = type !== 'UC';
  return [
    {
      state: 'RTR',
      pathMtu: options.pathMtu ?? Math.min(local.mtu, remote.mtu),
      destQpn: remote.qpn,
      rqPsn: remote.psn,
      address: { port, dgid: remote.gid, sgidIndex: gidIndex, dlid: remote.lid, hopLimit, trafficClass, sl },
      ...(reliable
        ? { maxDestRdAtomic: options.maxDestRdAtomic ?? 16, minRnrTimer: options.minRnrTimer ?? 12 }
        : {}),
    },
    {
      state: 'RTS',
      sqPsn: local.psn,
      ...(reliable
        ? {
            timeout: options.timeout ?? 14,
            retryCount: options.retryCount ?? 7,
            rnrRetry: options.rnrRetry ?? 7,
            maxRdAtomic: options.maxRdAtomic ?? 16,
          }
        : {}),
    },
  ];
}
