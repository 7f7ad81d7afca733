import { CompletionBatch, WorkCompletionError } from '../verbs/completion.js';
import { type Prepared, prepareSends } from './requests.js';
import type { Resources } from './resources.js';
import type { Stamps } from './stats.js';
import type { Settled } from './types.js';

/** Polled at once, as perftest does. */
const POLL = 16;

/** Sends messages on every lane, so many in flight as the depth allows. */
export class Initiator {
  readonly #options: Settled;
  readonly #resources: Resources;
  readonly #prepared: Prepared[];
  readonly #posted: Float64Array;
  readonly #completed: Float64Array;
  readonly #batch = new CompletionBatch(POLL);
  /** Per lane; 0 for as many as the time allows. */
  readonly #limit: number;
  readonly stamps?: Stamps;
  totalPosted = 0;
  totalCompleted = 0;
  /** Milliseconds; of the first post and the last completion. */
  first = 0;
  last = 0;

  constructor(options: Settled, resources: Resources, size: number) {
    const { qps, iterations, duration, noPeak } = options;
    this.#options = options;
    this.#resources = resources;
    this.#prepared = resources.lanes.map((_, index) => prepareSends(options, resources, index, size));
    this.#posted = new Float64Array(qps);
    this.#completed = new Float64Array(qps);
    this.#limit = duration === undefined ? iterations : 0;
    if (!noPeak) {
      this.stamps = {
        posted: new Float64Array(iterations * qps),
        completed: new Float64Array(iterations * qps),
      };
    }
  }

  get done(): boolean {
    return this.#limit > 0 && this.totalCompleted === this.#limit * this.#options.qps;
  }

  /** Posts all that there is room for. */
  post(): void {
    const { txDepth, cqMod, qps } = this.#options;
    for (let lane = 0; lane < qps; lane++) {
      const { batch, period } = this.#prepared[lane] as Prepared;
      let sent = this.#posted[lane] as number;
      const room = (this.#completed[lane] as number) + txDepth;
      const end = this.#limit > 0 ? Math.min(room, this.#limit) : room;
      while (sent < end) {
        const place = sent % period;
        // Requests between two signalled ones go by one call.
        const toSignal = cqMod - 1 - (sent % cqMod);
        const toLast = this.#limit > 0 ? this.#limit - 1 - sent : Number.POSITIVE_INFINITY;
        const plain = Math.min(toSignal, toLast, end - sent, period - place);
        const count = plain > 0 ? plain : 1;
        const now = this.stamps !== undefined || this.first === 0 ? performance.now() : 0;
        if (this.first === 0) this.first = now;
        if (this.stamps !== undefined) {
          for (let n = 0; n < count; n++) this.stamps.posted[this.totalPosted + n] = now;
        }
        batch.post(plain > 0 ? place : period + place, count);
        sent += count;
        this.totalPosted += count;
      }
      this.#posted[lane] = sent;
    }
  }

  /**
   * Takes completions.
   *
   * @param patience Microseconds to wait for one.
   * @returns How many messages they stand for.
   * @throws {WorkCompletionError}
   */
  poll(patience: number): number {
    const batch = this.#batch;
    const found = this.#resources.sendCq.poll(batch, patience);
    if (found === 0) return 0;
    const now = performance.now();
    const { cqMod } = this.#options;
    let messages = 0;
    for (let index = 0; index < found; index++) {
      if (!batch.ok(index)) throw new WorkCompletionError(batch.get(index));
      const lane = batch.wrId(index);
      const before = this.#completed[lane] as number;
      const left = this.#limit > 0 ? this.#limit - before : cqMod;
      const count = Math.min(cqMod, left);
      this.#completed[lane] = before + count;
      messages += count;
      this.totalCompleted += count;
      if (this.stamps !== undefined) this.stamps.completed[this.totalCompleted - 1] = now;
    }
    this.last = now;
    return messages;
  }
}
