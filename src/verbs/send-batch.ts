import { verbs, verbsFailure } from './addon.js';
import type { NativeQpHandle } from './native-objects.js';
import type { Life } from './ownership.js';
import { RecordBuffer } from './record-buffer.js';
import { encodeSend, type SendRequest, sendStride } from './work-request.js';

const hint = { EINVAL: 'a QP takes requests to send from RTS on: connect first' };

/** Requests to send that are encoded once and may be posted again and again, which allocates nothing. */
export class SendBatch {
  readonly #qp: NativeQpHandle;
  readonly #life?: Life;
  readonly #maxSge: number;
  readonly #records: RecordBuffer;
  readonly #addon = verbs();
  #length = 0;

  /** @internal Use `qp.prepareSends()`. */
  constructor(qp: NativeQpHandle, life?: Life) {
    this.#qp = qp;
    this.#life = life;
    this.#maxSge = qp.cap.maxSendSge;
    this.#records = new RecordBuffer(sendStride(this.#maxSge));
  }

  get length(): number {
    return this.#length;
  }

  /** @returns Its index. @throws {RangeError} for a part beyond its MR, or an opcode that is none */
  add(request: SendRequest): number {
    this.#records.reserve(this.#length + 1);
    this.#encode(this.#length, request);
    return this.#length++;
  }

  /** Replaces request `index`. */
  set(index: number, request: SendRequest): void {
    if (!(index >= 0 && index < this.#length)) throw new RangeError(`there is no request ${index}`);
    this.#encode(index, request);
  }

  clear(): void {
    this.#length = 0;
  }

  /**
   * Posts `count` requests from `first` on.
   *
   * @throws {VerbsError} `ENOMEM`: the queue is full; `EINVAL`: the QP's state or the device forbids it;
   * `error.posted` were posted
   */
  post(first = 0, count = this.#length - first): void {
    if (!(first >= 0 && count >= 0 && first + count <= this.#length)) {
      throw new RangeError(`requests ${first} to ${first + count - 1}: the batch has ${this.#length}`);
    }
    // No closure here: what is called for every message must not allocate.
    try {
      this.#addon.postSend(this.#qp, this.#records.bytes, this.#records.stride, first, count);
    } catch (error) {
      throw verbsFailure('requests cannot be posted', error, hint);
    }
  }

  /** @internal Encodes and posts in one, with a number of the caller's instead of the requests'. */
  postNow(requests: readonly SendRequest[], wrId?: number): void {
    this.#records.reserve(requests.length);
    for (const [index, request] of requests.entries()) {
      this.#encode(index, request, wrId);
    }
    this.#length = requests.length;
    this.post();
  }

  #encode(index: number, request: SendRequest, wrId?: number): void {
    encodeSend(this.#records.view, index, this.#maxSge, request, wrId);
    // A bound window of type 2 holds its QP in the kernel, which cannot be destroyed before it.
    if (request.opcode === 'BIND_MW' && request.mw.type === 2 && this.#life !== undefined)
      request.mw.life.use(this.#life);
  }
}
