// rdma_cm for UD: no connection, only the answer where a service is.
import { lookup } from 'node:dns/promises';
import type { AddressVector } from '../verbs/ah.js';
import type { Qp } from '../verbs/qp.js';
import type { CmAddress, NativeCmEvent, NativeParameters } from './addon.js';
import { CmId } from './cm-id.js';
import type { CmPath } from './connect.js';
import { CmListener, type CmListenOptions } from './listen.js';

/** The Q_Key of a QP that rdma_cm tells of, `RDMA_UDP_QKEY`. */
export const CM_UD_QKEY = 0x01234567;

export interface CmSeekOptions {
  host: string;
  /** Of rdma_cm's own for datagrams, UDP's have nothing to do with it. */
  port: number;
  /** For the peer, up to 180 bytes. */
  privateData?: Uint8Array;
  /** For each of the address and the route, milliseconds. Default: 2000. */
  timeout?: number;
  signal?: AbortSignal;
}

/** A UD QP of the peer, and how to reach it. */
export interface CmService extends CmPath {
  /** For `pd.createAh()`, in a context of `device`. */
  address: AddressVector;
  /** Of each message to it. */
  qpn: number;
  qkey: number;
  privateData: Buffer;
}

const parameters = (qpn: number, privateData?: Uint8Array): NativeParameters => ({
  ...{ qpn, srq: false, responderResources: 0, initiatorDepth: 0, retryCount: 0, rnrRetry: 0 },
  ...(privateData === undefined ? {} : { privateData }),
});

/**
 * Asks a listener of {@link listenUd} for its QP (IBTA's service ID resolution). Nothing has to be closed.
 *
 * @throws {CmError} `CM_ADDR_ERROR`, `CM_UNREACHABLE`: nobody listens there, or it turned this away
 */
export async function seekUd({
  host,
  port,
  privateData,
  timeout = 2000,
  signal,
}: CmSeekOptions): Promise<CmService> {
  const { address } = await lookup(host);
  const id = new CmId(`rdma_cm to the UD service of ${host}, port ${port}`, undefined, true);
  try {
    await id.step('ADDR_RESOLVED', (cm, n) => cm.resolveAddress(n, address, port, timeout), signal);
    await id.step('ROUTE_RESOLVED', (cm, n) => cm.resolveRoute(n, timeout), signal);
    const answer = await id.step('ESTABLISHED', (cm, n) => cm.connect(n, parameters(0, privateData)), signal);
    const route = id.route();
    return {
      device: route.device ?? '',
      port: route.port,
      address: answer.address ?? {},
      qpn: answer.qpn,
      qkey: answer.qkey ?? CM_UD_QKEY,
      privateData: answer.privateData,
    };
  } finally {
    id.close();
  }
}

/** Somebody seeks the service, and waits for an answer. */
export class CmUdRequest {
  /** The device that the request came in by: the QP has to be one of it. */
  readonly path: CmPath;
  readonly remote?: CmAddress;
  readonly privateData: Buffer;
  readonly #id: CmId;

  /** @internal */
  constructor(event: NativeCmEvent) {
    this.#id = new CmId('a request of rdma_cm for a UD service', event.id);
    const { device = '', port, remote } = this.#id.route();
    this.path = { device, port };
    this.remote = remote;
    this.privateData = event.privateData;
  }

  /**
   * Names `qp`, a UD QP that may serve many; rdma_accept(3). One in RESET is brought to RTS; any other has to have
   * {@link CM_UD_QKEY}.
   *
   * @param privateData up to 136 bytes
   */
  accept(qp: Qp, privateData?: Uint8Array): void {
    try {
      if (qp.state === 'RESET') {
        this.#id.bring(qp, 'INIT');
        qp.modify({ state: 'RTR' });
        qp.modify({ state: 'RTS', sqPsn: 0 });
      }
      this.#id.call((cm, n) => cm.accept(n, parameters(qp.qpn, privateData)));
    } finally {
      this.#id.close();
    }
  }

  /** Turns the peer away. @param privateData up to 136 bytes */
  reject(privateData?: Uint8Array): void {
    this.#id.reject(privateData);
  }
}

/** Listens for those who {@link seekUd}. @throws {VerbsError} `EADDRINUSE`, `EADDRNOTAVAIL` */
export function listenUd(options: CmListenOptions): CmListener<CmUdRequest> {
  return new CmListener(options, true, (event) => new CmUdRequest(event));
}
