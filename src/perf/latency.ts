import { CompletionBatch, WorkCompletionError } from '../verbs/completion.js';
import type { Round } from '../verbs/round.js';
import { Slices, Window } from './clock.js';
import { Receiver } from './receiver.js';
import { prepareSends } from './requests.js';
import type { Lane, Resources } from './resources.js';
import { latencyDurationRow, latencyRow } from './stats.js';
import type { LatencyDurationRow, LatencyRow, Settled } from './types.js';
import { Idle } from './wait.js';

/** One size of a latency test. */
export class LatencyRun {
  readonly #options: Settled;
  readonly #resources: Resources;
  readonly #size: number;
  /** Sends one message, which is signalled, and waits for its completion. */
  readonly #round: Round;
  readonly #receiver?: Receiver;
  readonly #starts: Float64Array;
  readonly #window?: Window;
  readonly #batch = new CompletionBatch(1);
  readonly #idle: Idle;
  readonly #slices: Slices;
  #rounds = 0;
  #counted = 0;

  /** Posts the receives, if there are any to be. */
  constructor(options: Settled, resources: Resources, size: number) {
    const { duration, margin, iterations, verb, signal } = options;
    this.#options = options;
    this.#resources = resources;
    this.#size = size;
    this.#starts = new Float64Array(duration === undefined ? iterations : 0);
    if (duration !== undefined) this.#window = new Window(duration, margin);
    this.#idle = new Idle(options, [resources.sendCq, resources.recvCq]);
    const { patience } = this.#idle;
    if (verb === 'send') this.#receiver = new Receiver(options, resources, size, patience);
    const { batch } = prepareSends(options, resources, 0, size);
    this.#round = batch.prepareRound(resources.sendCq, this.#batch, { first: 1, count: 1, patience });
    this.#slices = new Slices(signal);
  }

  async run(): Promise<LatencyRow | LatencyDurationRow> {
    const { verb, duration } = this.#options;
    if (verb === 'send') await this.#sendRounds();
    else if (verb === 'write') await this.#writeRounds();
    else await this.#readRounds();
    // A READ is a whole round, the others are two messages.
    const halves = verb === 'read' ? 1 : 2;
    return duration === undefined
      ? latencyRow(this.#size, this.#starts, halves)
      : latencyDurationRow(this.#size, this.#counted, (this.#window as Window).length, halves);
  }

  /** The client sends, the server answers. */
  async #sendRounds(): Promise<void> {
    const { client } = this.#options;
    const receiver = this.#receiver as Receiver;
    while (this.#goesOn()) {
      if (!client) {
        const heard = this.#received(receiver);
        if (!(heard === true || (await heard))) return;
      }
      this.#stamp();
      const sent = this.#send();
      if (sent !== undefined) await sent;
      if (client) {
        const heard = this.#received(receiver);
        if (!(heard === true || (await heard))) return;
      }
      this.#count();
    }
  }

  /** The server writes first; each write is told from the last by its last byte. */
  async #writeRounds(): Promise<void> {
    const { client, iterations, duration } = this.#options;
    const { mr, lanes } = this.#resources;
    const lane = lanes[0] as Lane;
    const bytes = mr.bytes;
    const mine = lane.source + this.#size - 1;
    const theirs = lane.target + this.#size - 1;
    let seen = 0;
    let sent = 0;
    const limit = duration === undefined ? iterations : Number.POSITIVE_INFINITY;
    this.#window?.begin(performance.now());
    while (sent < limit || seen < limit) {
      if (seen < limit && (client || sent > 0)) {
        const marker = (seen + 1) & 0xff;
        while (Atomics.load(bytes, theirs) !== marker) {
          if (this.#slices.due(performance.now())) await this.#slices.turn();
          if (this.#window?.over(performance.now())) break;
        }
        seen++;
      }
      if (sent < limit) {
        this.#stamp();
        sent++;
        bytes[mine] = sent & 0xff;
        const completed = this.#send();
        if (completed !== undefined) await completed;
        this.#count();
      }
      if (this.#window?.over(performance.now())) return;
    }
  }

  async #readRounds(): Promise<void> {
    this.#window?.begin(performance.now());
    while (this.#goesOn()) {
      this.#stamp();
      const completed = this.#send();
      if (completed !== undefined) await completed;
      this.#count();
    }
  }

  #goesOn(): boolean {
    const { duration, iterations } = this.#options;
    return duration === undefined
      ? this.#rounds < iterations
      : !(this.#window as Window).over(performance.now());
  }

  #stamp(): void {
    if (this.#rounds < this.#starts.length) this.#starts[this.#rounds] = performance.now();
  }

  #count(): void {
    this.#rounds++;
    if (this.#window?.counts(performance.now())) this.#counted++;
  }

  /** False when the time is over. A promise only where one is needed: it costs more than a poll. */
  #received(receiver: Receiver): boolean | Promise<boolean> {
    while (!receiver.next()) {
      const now = performance.now();
      if (this.#window?.over(now)) return false;
      const rest = this.#idle.rest(now);
      if (rest !== undefined) return rest.then(() => this.#received(receiver));
    }
    this.#window?.begin(performance.now());
    return true;
  }

  /** Resolves, or returns, when the message is complete. */
  #send(): Promise<void> | undefined {
    return this.#round.run() === 0 ? this.#completed() : this.#judge();
  }

  #completed(): Promise<void> | undefined {
    while (this.#resources.sendCq.poll(this.#batch, this.#idle.patience) === 0) {
      const rest = this.#idle.rest();
      if (rest !== undefined) return rest.then(() => this.#completed());
    }
    return this.#judge();
  }

  #judge(): undefined {
    if (!this.#batch.ok(0)) throw new WorkCompletionError(this.#batch.get(0));
    return undefined;
  }
}
