import { RoamError } from '../errors.js';
import { Window } from './clock.js';
import { Initiator } from './initiator.js';
import { Receiver } from './receiver.js';
import type { Resources } from './resources.js';
import { bandwidthRow, peak } from './stats.js';
import type { BandwidthRow, Settled } from './types.js';
import { Idle } from './wait.js';

/** Milliseconds without a message after which a receiver gives up; messages of UC and UD may be lost. */
const PATIENCE = 120_000;
/** Milliseconds between two reports of progress. */
const REPORT = 500;

/** Tells the user now and then. */
class Progress {
  #next = 0;
  readonly #options: Settled;
  readonly #size: number;

  constructor(options: Settled, size: number) {
    this.#options = options;
    this.#size = size;
  }

  at(now: number, done: number): void {
    if (this.#options.onProgress === undefined || now < this.#next) return;
    this.#next = now + REPORT;
    const { iterations, qps, duration } = this.#options;
    this.#options.onProgress({
      size: this.#size,
      done,
      total: duration === undefined ? iterations * qps : 0,
    });
  }
}

/** One size of a bandwidth test: what this end does is done. */
export class BandwidthRun {
  readonly #options: Settled;
  readonly #resources: Resources;
  readonly #size: number;
  readonly #receiver?: Receiver;

  /** Posts the receives, if there are any to be. */
  constructor(options: Settled, resources: Resources, size: number) {
    this.#options = options;
    this.#resources = resources;
    this.#size = size;
    const receives = options.verb === 'send' && (!options.client || options.bidirectional);
    if (receives) this.#receiver = new Receiver(options, resources, size);
  }

  /** @throws {WorkCompletionError} @throws the signal's reason */
  async run(): Promise<BandwidthRow> {
    const { verb, client, bidirectional } = this.#options;
    if (verb === 'send' && !client && !bidirectional) return this.#receive();
    return this.#send();
  }

  async #send(): Promise<BandwidthRow> {
    const options = this.#options;
    const receiver = this.#receiver;
    const initiator = new Initiator(options, this.#resources, this.#size);
    const idle = new Idle(options, [this.#resources.sendCq, this.#resources.recvCq]);
    const progress = new Progress(options, this.#size);
    const window = this.#window();
    // In a bidirectional SEND test the server begins when the client's first message is there.
    let begun = receiver === undefined || options.client;
    let counted = 0;
    if (begun) window?.begin(performance.now());
    const finished = () => initiator.done && (receiver === undefined || receiver.done);
    while (!finished()) {
      const now = performance.now();
      if (window?.over(now)) break;
      if (begun) initiator.post();
      // Where there are two CQs, neither must keep the other waiting for long.
      const sent = initiator.poll(receiver === undefined ? idle.patience : 0);
      const received = receiver?.poll(sent > 0 ? 0 : idle.glance) ?? 0;
      if (received > 0 && !begun) {
        begun = true;
        window?.begin(now);
      }
      if (window?.counts(now)) counted += sent + received;
      progress.at(now, initiator.totalCompleted);
      const rest = sent + received > 0 ? idle.breathe(now) : idle.rest(now);
      if (rest !== undefined) await rest;
    }
    if (window !== undefined) return bandwidthRow(this.#size, counted, window.length, 0, options.gbits);
    const best = initiator.stamps === undefined ? 0 : peak(initiator.stamps, this.#size, options.cqMod);
    const time = Math.max(initiator.last, receiver?.last ?? 0) - initiator.first;
    return bandwidthRow(this.#size, initiator.totalCompleted, time, best, options.gbits);
  }

  async #receive(): Promise<BandwidthRow> {
    const options = this.#options;
    const receiver = this.#receiver as Receiver;
    const idle = new Idle(options, [this.#resources.recvCq]);
    const progress = new Progress(options, this.#size);
    const window = this.#window();
    let counted = 0;
    let heard = performance.now();
    while (!receiver.done) {
      const now = performance.now();
      if (window?.over(now)) break;
      const received = receiver.poll(idle.patience);
      if (received > 0) window?.begin(now);
      if (window?.counts(now)) counted += received;
      progress.at(now, receiver.total);
      if (received > 0) heard = now;
      else if (now - heard > PATIENCE) {
        throw new RoamError('PERF_PEER', `no message came for ${PATIENCE / 1000} s, after ${receiver.total}`);
      }
      const rest = received > 0 ? idle.breathe(now) : idle.rest(now);
      if (rest !== undefined) await rest;
    }
    const { first, last, total } = receiver;
    return window === undefined
      ? bandwidthRow(this.#size, total, last - first, 0, options.gbits)
      : bandwidthRow(this.#size, counted, window.length, 0, options.gbits);
  }

  #window(): Window | undefined {
    const { duration, margin } = this.#options;
    return duration === undefined ? undefined : new Window(duration, margin);
  }
}
