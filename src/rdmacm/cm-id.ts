import { RoamError, VerbsError } from '../errors.js';
import { QP_STATES, type QpState } from '../verbs/enums.js';
import type { Qp } from '../verbs/qp.js';
import { fromNative, type QpAttributes } from '../verbs/qp-attributes.js';
import { type CmRoute, type NativeCmEvent, type RdmaCmAddon, rdmacm } from './addon.js';
import { adoptId, createId, destroyId } from './channel.js';
import { CM_EVENTS, CmError, type CmEventType } from './errors.js';

interface Waiter {
  wanted: CmEventType;
  resolve(event: NativeCmEvent): void;
  reject(error: unknown): void;
}

/** An `rdma_cm_id` of a connection: its steps as promises. */
export class CmId {
  /** For messages. */
  readonly what: string;
  /** When the connection ends, from either side or with the device. */
  readonly ended: Promise<void>;
  readonly #id: number;
  #end: () => void = () => {};
  #waiter?: Waiter;
  #early?: NativeCmEvent;
  #closed = false;

  /** @param adopted Of a request that came in; else a new one, for datagrams or a connection. */
  constructor(what: string, adopted?: number, datagrams = false) {
    this.what = what;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    const handler = (event: NativeCmEvent) => this.#onEvent(event);
    if (adopted !== undefined) adoptId(adopted, handler);
    this.#id = adopted ?? createId(handler, datagrams);
  }

  call<T>(method: (cm: RdmaCmAddon, id: number) => T): T {
    if (this.#closed) throw new RoamError('CLOSED', `${this.what} is closed`);
    return rdmacm(this.what, (cm) => method(cm, this.#id));
  }

  route(): CmRoute {
    return this.call((cm, id) => cm.route(id));
  }

  /**
   * Does one step, and resolves with the event that it leads to.
   *
   * @throws {CmError} for any other event @throws {VerbsError} of the step itself @throws the signal's reason
   */
  async step(
    wanted: CmEventType,
    method: (cm: RdmaCmAddon, id: number) => void,
    signal?: AbortSignal,
  ): Promise<NativeCmEvent> {
    signal?.throwIfAborted();
    this.call(method);
    const onAbort = () => this.#waiter?.reject(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      return await new Promise((resolve, reject) => {
        this.#waiter = { wanted, resolve, reject };
        const early = this.#early;
        this.#early = undefined;
        if (early !== undefined) this.#onEvent(early);
      });
    } finally {
      this.#waiter = undefined;
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** Brings a QP where the connection wants it. */
  bring(qp: Qp, state: QpState, agreed: QpAttributes = {}): void {
    const wanted = fromNative(this.call((cm, id) => cm.qpAttributes(id, QP_STATES[state])));
    qp.modify({ ...wanted, ...agreed });
  }

  /** @throws {CmError} when it has ended already, or was rejected */
  check(): void {
    const early = this.#early;
    if (early !== undefined) throw this.#unexpected(early);
  }

  /** Turns a peer away, rdma_reject(3), and ends it. */
  reject(privateData?: Uint8Array): void {
    try {
      this.call((cm, id) => cm.reject(id, privateData));
    } catch (error) {
      // A peer that has given up meanwhile needs no answer.
      if (!(error instanceof VerbsError) || error.code !== 'EINVAL') throw error;
    } finally {
      this.close();
    }
  }

  /** Ends it; the peer of an established connection sees it disconnect. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    destroyId(this.#id);
    this.#waiter?.reject(new RoamError('CLOSED', `${this.what} was closed`));
    this.#end();
  }

  #onEvent(event: NativeCmEvent): void {
    const type = CM_EVENTS[event.type];
    if (type === 'TIMEWAIT_EXIT' || type === 'ADDR_CHANGE' || type === undefined) return;
    if (type === 'DISCONNECTED' || type === 'DEVICE_REMOVAL') this.#end();
    const waiter = this.#waiter;
    if (waiter === undefined) this.#early = event;
    else if (type === waiter.wanted) waiter.resolve(event);
    else waiter.reject(this.#unexpected(event));
  }

  #unexpected({ type, status, privateData }: NativeCmEvent): CmError {
    return new CmError(this.what, CM_EVENTS[type] ?? 'CONNECT_ERROR', status, privateData);
  }
}
