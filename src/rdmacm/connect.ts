import { lookup } from 'node:dns/promises';
import type { Qp } from '../verbs/qp.js';
import { CmId } from './cm-id.js';
import { CmConnection, type CmParameters, nativeParameters } from './connection.js';

/** What rdma_cm has found to reach the peer with. */
export interface CmPath {
  /** RDMA device, such as `rxe0`: the QP has to be made in a context of it. */
  device: string;
  /** Port of the device, from 1. */
  port: number;
}

export interface CmConnectOptions extends CmParameters {
  host: string;
  /** Of rdma_cm's own, TCP's have nothing to do with it. */
  port: number;
  /**
   * Makes the RC QP, once the device is known. In RESET, or in INIT with receives posted: the peer may send
   * as soon as it has accepted.
   */
  qp: (path: CmPath) => Qp | Promise<Qp>;
  /** For each of the address and the route, milliseconds. Default: 2000. */
  timeout?: number;
  signal?: AbortSignal;
}

/**
 * Connects to a listener of rdma_cm(7): rdma_resolve_addr(3), rdma_resolve_route(3), rdma_connect(3),
 * rdma_establish(3).
 *
 * @throws {CmError} `CM_ADDR_ERROR`, `CM_UNREACHABLE`, `CM_REJECTED`, …
 */
export async function connect(options: CmConnectOptions): Promise<CmConnection> {
  const { host, port, timeout = 2000, signal } = options;
  const { address } = await lookup(host);
  const id = new CmId(`rdma_cm to ${host}, port ${port}`);
  try {
    await id.step('ADDR_RESOLVED', (cm, n) => cm.resolveAddress(n, address, port, timeout), signal);
    await id.step('ROUTE_RESOLVED', (cm, n) => cm.resolveRoute(n, timeout), signal);
    const route = id.route();
    const qp = await options.qp({ device: route.device ?? '', port: route.port });
    const parameters = nativeParameters(qp, options);
    const answer = await id.step('CONNECT_RESPONSE', (cm, n) => cm.connect(n, parameters), signal);
    if (qp.state === 'RESET') id.bring(qp, 'INIT');
    id.bring(qp, 'RTR');
    id.bring(qp, 'RTS');
    const connection = new CmConnection(id, qp, answer.privateData);
    id.call((cm, n) => cm.establish(n));
    return connection;
  } catch (error) {
    id.close();
    throw error;
  }
}
