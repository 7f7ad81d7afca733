import { verbs, verbsFailure } from './addon.js';
import type { NativeQpHandle, NativeSrq } from './native-objects.js';
import { RecordBuffer } from './record-buffer.js';
import { encodeReceive, type ReceiveRequest, receiveStride } from './work-request.js';

export type { ReceiveRequest };

const hint = { EINVAL: 'a QP takes receives from INIT on: qp.init(), or connect first' };

/** Receives that are encoded once and may be posted again and again, which allocates nothing. */
export class ReceiveBatch {
  readonly #queue: NativeQpHandle | NativeSrq;
  readonly #maxSge: number;
  readonly #records: RecordBuffer;
  readonly #addon = verbs();
  #length = 0;

  /** @internal Use `prepareReceives()` of a QP or SRQ. */
  constructor(queue: NativeQpHandle | NativeSrq, maxSge: number) {
    this.#queue = queue;
    this.#maxSge = maxSge;
    this.#records = new RecordBuffer(receiveStride(maxSge));
  }

  get length(): number {
    return this.#length;
  }

  /** @returns Its index. @throws {RangeError} for a part beyond its MR */
  add(request: ReceiveRequest): number {
    this.#records.reserve(this.#length + 1);
    encodeReceive(this.#records.view, this.#length, this.#maxSge, request);
    return this.#length++;
  }

  clear(): void {
    this.#length = 0;
  }

  /**
   * Posts `count` receives from `first` on.
   *
   * @throws {VerbsError} `ENOMEM`: the queue is full; `error.posted` were posted
   */
  post(first = 0, count = this.#length - first): void {
    if (!(first >= 0 && count >= 0 && first + count <= this.#length)) {
      throw new RangeError(`requests ${first} to ${first + count - 1}: the batch has ${this.#length}`);
    }
    try {
      this.#addon.postReceive(this.#queue, this.#records.bytes, this.#records.stride, first, count);
    } catch (error) {
      throw verbsFailure('receives cannot be posted', error, hint);
    }
  }

  /** @internal Encodes and posts in one, with numbers of the caller's instead of the requests'. */
  postNow(requests: readonly ReceiveRequest[], wrId?: number): void {
    this.#records.reserve(requests.length);
    for (const [index, request] of requests.entries()) {
      encodeReceive(this.#records.view, index, this.#maxSge, request, wrId);
    }
    this.#length = requests.length;
    this.post();
  }
}
