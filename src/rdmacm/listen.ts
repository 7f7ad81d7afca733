import { RoamError } from '../errors.js';
import type { Qp } from '../verbs/qp.js';
import { type CmAddress, type NativeCmEvent, rdmacm } from './addon.js';
import { createId, destroyId } from './channel.js';
import { CmId } from './cm-id.js';
import type { CmPath } from './connect.js';
import { CmConnection, type CmParameters, nativeParameters } from './connection.js';
import { CM_EVENTS } from './errors.js';

export interface CmListenOptions {
  /** 0: any that is free. */
  port: number;
  /** Default: all addresses. */
  host?: string;
  /** Requests that may wait. Default: 128. */
  backlog?: number;
}

/** Somebody wants to connect, and waits for an answer. */
export class CmRequest {
  /** The device that the request came in by: the QP has to be made in a context of it. */
  readonly path: CmPath;
  readonly remote?: CmAddress;
  readonly privateData: Buffer;
  readonly #id: CmId;
  /** READs and atomics, as this end sees them. */
  readonly #offer: Pick<NativeCmEvent, 'responderResources' | 'initiatorDepth'>;

  /** @internal */
  constructor(event: NativeCmEvent) {
    this.#offer = event;
    this.#id = new CmId('an rdma_cm request', event.id);
    const { device = '', port, remote } = this.#id.route();
    this.path = { device, port };
    this.remote = remote;
    this.privateData = event.privateData;
  }

  /**
   * Connects `qp`, which is in RESET, or in INIT with receives posted; rdma_accept(3). Resolves when the peer
   * has taken it up.
   *
   * @throws {CmError} when the peer has gone away
   */
  async accept(qp: Qp, options: CmParameters & { signal?: AbortSignal } = {}): Promise<CmConnection> {
    const id = this.#id;
    try {
      id.check();
      // What the peer asked for is the most: the QP and the answer have to say the same.
      const parameters = nativeParameters(qp, options);
      const { responderResources, initiatorDepth } = this.#offer;
      parameters.responderResources = Math.min(parameters.responderResources, responderResources);
      parameters.initiatorDepth = Math.min(parameters.initiatorDepth, initiatorDepth);
      if (qp.state === 'RESET') id.bring(qp, 'INIT');
      id.bring(qp, 'RTR', { maxDestRdAtomic: parameters.responderResources });
      id.bring(qp, 'RTS', { maxRdAtomic: parameters.initiatorDepth });
      await id.step('ESTABLISHED', (cm, n) => cm.accept(n, parameters), options.signal);
      return new CmConnection(id, qp, this.privateData);
    } catch (error) {
      id.close();
      throw error;
    }
  }

  /** Turns the peer away, rdma_reject(3). @param privateData up to 148 bytes */
  reject(privateData?: Uint8Array): void {
    this.#id.reject(privateData);
  }
}

/** A listener of rdma_cm(7): for connections, or for those who seek a UD service. */
export class CmListener<Request extends { reject(): void } = CmRequest> implements AsyncDisposable {
  readonly port: number;
  readonly #id: number;
  readonly #make: (event: NativeCmEvent) => Request;
  readonly #waiting: Request[] = [];
  /** Of everyone who iterates. */
  readonly #wakes = new Set<() => void>();
  #closed = false;

  /** @internal Use {@link listen} or {@link listenUd}. */
  constructor(
    { port, host = '::', backlog = 128 }: CmListenOptions,
    datagrams: boolean,
    make: (event: NativeCmEvent) => Request,
  ) {
    this.#make = make;
    this.#id = createId((event) => this.#onEvent(event), datagrams);
    const what = `rdma_cm on ${host}, port ${port}`;
    try {
      rdmacm(what, (cm) => cm.bind(this.#id, host, port));
      rdmacm(what, (cm) => cm.listen(this.#id, backlog));
      this.port = rdmacm(what, (cm) => cm.route(this.#id)).local?.port ?? port;
    } catch (error) {
      destroyId(this.#id);
      throw error;
    }
  }

  /**
   * The requests as they come; each has to be accepted or rejected.
   *
   * @throws {RoamError} `CLOSED` when the listener is closed meanwhile
   */
  async *requests({ signal }: { signal?: AbortSignal } = {}): AsyncGenerator<Request, void, void> {
    let wake = () => {};
    const told = () => wake();
    this.#wakes.add(told);
    signal?.addEventListener('abort', told);
    try {
      for (;;) {
        signal?.throwIfAborted();
        if (this.#closed) throw new RoamError('CLOSED', `the listener on port ${this.port} is closed`);
        const request = this.#waiting.shift();
        if (request !== undefined) yield request;
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
    } finally {
      this.#wakes.delete(told);
      signal?.removeEventListener('abort', told);
    }
  }

  /** Requests that nobody has taken are rejected; connections stay. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    try {
      for (const request of this.#waiting.splice(0)) request.reject();
    } finally {
      destroyId(this.#id);
      for (const wake of this.#wakes) wake();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #onEvent(event: NativeCmEvent): void {
    if (CM_EVENTS[event.type] !== 'CONNECT_REQUEST') return;
    this.#waiting.push(this.#make(event));
    for (const wake of this.#wakes) wake();
  }
}

/** Listens for connections, rdma_bind_addr(3) and rdma_listen(3). @throws {VerbsError} `EADDRINUSE`, `EADDRNOTAVAIL` */
export function listen(options: CmListenOptions): CmListener {
  return new CmListener(options, false, (event) => new CmRequest(event));
}
