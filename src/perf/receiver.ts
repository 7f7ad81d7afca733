import { CompletionBatch, WorkCompletionError } from '../verbs/completion.js';
import type { ReceiveBatch } from '../verbs/receive-batch.js';
import type { Round } from '../verbs/round.js';
import { GRH, type Lane, type Resources } from './resources.js';
import type { Settled } from './types.js';

/** Messages that are taken at once when they come fast, as long as the receives that are left last for it. */
const MOST = 64;
/** What is worth coming back for: a part of the receives, so that the sender finds the others meanwhile. */
const leastOf = (rxDepth: number): number => Math.max(1, Math.min(MOST / 2, Math.floor(rxDepth / 4)));

/** Receives messages on every lane, and replaces each receive that was used. */
export class Receiver {
  readonly #resources: Resources;
  readonly #batches: ReceiveBatch[];
  readonly #posted: Float64Array;
  readonly #completions = new CompletionBatch(MOST);
  readonly #limit: number;
  readonly #qps: number;
  readonly #least: number;
  readonly #patience: number;
  readonly #round: Round;
  total = 0;
  /** Milliseconds; when the first and the last message were seen. */
  first = 0;
  last = 0;

  /**
   * Posts the first receives: before the peer is told to begin.
   *
   * @param patience Microseconds for which `next()` waits.
   */
  constructor(options: Settled, resources: Resources, size: number, patience = 0) {
    const { qps, rxDepth, iterations, duration, connection } = options;
    this.#resources = resources;
    this.#qps = qps;
    this.#least = leastOf(rxDepth);
    this.#limit = duration === undefined ? iterations : 0;
    this.#posted = new Float64Array(qps).fill(rxDepth);
    const length = connection === 'UD' ? size + GRH : size;
    this.#batches = resources.lanes.map((lane: Lane, index) => {
      const batch = lane.qp.prepareReceives();
      for (let n = 0; n < rxDepth; n++)
        batch.add({ wrId: index, sges: [resources.mr.slice(lane.target, length)] });
      batch.post();
      return batch;
    });
    const [receives] = this.#batches as [ReceiveBatch];
    this.#patience = patience;
    this.#round = receives.prepareRound(resources.recvCq, this.#completions, { count: 1, patience });
  }

  get done(): boolean {
    return this.#limit > 0 && this.total === this.#limit * this.#qps;
  }

  /**
   * Replaces the receives of the messages that were taken last, and waits for the next.
   *
   * @returns Whether one came within the patience that the receiver was made with.
   * @throws {WorkCompletionError}
   */
  next(): boolean {
    if (this.#qps === 1 && this.#completions.length === 1 && this.#due(0, 1) > 0) {
      return this.#taken(this.#round.run()) > 0;
    }
    this.replace();
    return this.#taken(this.#resources.recvCq.poll(this.#completions, this.#patience)) > 0;
  }

  /** Replaces the receives of the messages that were taken last. */
  replace(): void {
    const batch = this.#completions;
    let lane = batch.wrId(0);
    let used = 0;
    for (let index = 0; index < batch.length; index++) {
      const of = batch.wrId(index);
      if (of !== lane) {
        this.#replace(lane, used);
        lane = of;
        used = 0;
      }
      used++;
    }
    this.#replace(lane, used);
  }

  /**
   * Takes as many messages as come together and replaces their receives, with a note of the time.
   *
   * @returns How many messages.
   * @throws {WorkCompletionError}
   */
  poll(patience: number): number {
    const left = this.#limit > 0 ? this.#limit * this.#qps - this.total : this.#least;
    const least = Math.max(1, Math.min(this.#least, left));
    const found = this.#taken(this.#resources.recvCq.poll(this.#completions, patience, least));
    if (found === 0) return 0;
    const now = performance.now();
    if (this.first === 0) this.first = now;
    this.last = now;
    this.replace();
    return found;
  }

  #taken(found: number): number {
    const batch = this.#completions;
    for (let index = 0; index < found; index++)
      if (!batch.ok(index)) throw new WorkCompletionError(batch.get(index));
    this.total += found;
    return found;
  }

  /** Posts as many receives as were used: each call from JavaScript costs more than the request. */
  #replace(lane: number, used: number): void {
    const count = this.#due(lane, used);
    if (count > 0) (this.#batches[lane] as ReceiveBatch).post(0, count);
  }

  /** How many of the `used` receives the caller has to post again. */
  #due(lane: number, used: number): number {
    const posted = this.#posted[lane] as number;
    // Not one more than there are messages: those of the next size are larger.
    const count = this.#limit > 0 ? Math.min(used, this.#limit - posted) : used;
    this.#posted[lane] = posted + Math.max(0, count);
    return count;
  }
}
