import { verbsCall, verbsFailure } from './addon.js';
import type { CompletionBatch } from './completion.js';
import type { Cq } from './cq.js';
import type { PrepareRound } from './native-objects.js';
import { RecordBuffer } from './record-buffer.js';
import { Round, type RoundOptions } from './round.js';

/** Work requests that are encoded once and may be posted again and again, which allocates nothing. */
export abstract class WorkBatch<Request> {
  /** @internal */
  protected readonly records: RecordBuffer;
  /** For messages: `receives`. */
  readonly #what: string;
  /** What to do about an errno. */
  readonly #hints: Record<string, string>;
  readonly #round: PrepareRound;
  #length = 0;

  /** @internal */
  protected constructor(stride: number, what: string, hints: Record<string, string>, round: PrepareRound) {
    this.records = new RecordBuffer(stride);
    this.#what = what;
    this.#hints = hints;
    this.#round = round;
  }

  get length(): number {
    return this.#length;
  }

  /** @returns Its index. @throws {RangeError} for a part beyond its MR, or a value that does not fit */
  add(request: Request): number {
    this.records.reserve(this.#length + 1);
    this.encode(this.#length, request);
    return this.#length++;
  }

  /** Replaces request `index`; one that is refused leaves it as it was. */
  set(index: number, request: Request): void {
    if (!(index >= 0 && index < this.#length)) throw new RangeError(`there is no request ${index}`);
    this.encode(index, request);
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
    this.#check(first, count);
    // No closure here: what is called for every message must not allocate.
    try {
      this.submit(first, count);
    } catch (error) {
      throw verbsFailure(`${this.#what} cannot be posted`, error, this.#hints);
    }
  }

  /**
   * Fixes what is to be posted and polled for, so that `run()` does both by one call out of JavaScript without
   * arguments: for a loop in which one follows the other, where each message waits for it. What is added to the batch
   * or replaced later is not in it.
   *
   * @param cq Of the same context: the one whose completions are looked for, whatever they complete.
   * @param completions Where they go, at each run.
   * @throws {RangeError} for requests that there are not, or another patience @throws {RoamError} `CLOSED`
   */
  prepareRound(cq: Cq, completions: CompletionBatch, options: RoundOptions = {}): Round {
    const { first = 0, count = this.#length - first, patience = 0, least = 1 } = options;
    cq.life.check();
    this.#check(first, count);
    const { bytes, stride } = this.records;
    const what = `round of ${this.#what}`;
    const native = verbsCall(`no ${what}`, () =>
      this.#round(bytes, stride, first, count, cq.core.native, completions.records, patience, least),
    );
    return new Round(native, cq, completions, (error) =>
      verbsFailure(`a ${what} failed`, error, this.#hints),
    );
  }

  /** @internal Encodes and posts in one, with a number of the caller's instead of the requests'. */
  postNow(requests: readonly Request[], wrId?: number): void {
    this.records.reserve(requests.length);
    for (const [index, request] of requests.entries()) this.encode(index, request, wrId);
    this.#length = requests.length;
    this.post();
  }

  protected abstract encode(index: number, request: Request, wrId?: number): void;
  protected abstract submit(first: number, count: number): void;

  #check(first: number, count: number): void {
    if (first >= 0 && count >= 0 && first + count <= this.#length) return;
    throw new RangeError(`requests ${first} to ${first + count - 1}: the batch has ${this.#length}`);
  }
}
