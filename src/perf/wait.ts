import { verbs, verbsCall } from '../verbs/addon.js';
import type { Cq } from '../verbs/cq.js';
import { Slices } from './clock.js';
import type { Settled } from './types.js';

/**
 * Microseconds for which a poll that finds nothing may look again, outside of JavaScript: there it finds a message
 * sooner, and leaves the processor to the device's kernel threads meanwhile, which a loop in JavaScript does not.
 */
const PATIENCE = 50_000;
/** The same where another CQ waits meanwhile. */
const GLANCE = 200;

/**
 * What a loop does when a poll gave nothing: goes on polling, but lets the event loop turn now and then;
 * or, with `-e`, sleeps until one of the CQs has an event.
 */
export class Idle {
  readonly #cqs: readonly Cq[];
  readonly #events: boolean;
  readonly #slices: Slices;
  readonly #signal?: AbortSignal;
  /** For the polls of the loop, which sleep with `-e` instead. */
  readonly patience: number;
  readonly glance: number;
  #armed = false;

  constructor({ events, signal }: Settled, cqs: readonly Cq[]) {
    this.#cqs = [...new Set(cqs)];
    this.#events = events;
    this.patience = events ? 0 : PATIENCE;
    this.glance = events ? 0 : GLANCE;
    this.#signal = signal;
    this.#slices = new Slices(signal);
  }

  /** To be awaited only when it is not undefined: a promise for every empty poll would be dear. */
  rest(now = performance.now()): Promise<void> | undefined {
    if (this.#slices.due(now)) return this.#slices.turn();
    if (this.#events) {
      // Armed first, then polled once more by the caller, then slept: nothing is slept through.
      if (!this.#armed) {
        for (const cq of this.#cqs) verbsCall('a CQ', () => verbs().cqArm(cq.core.native, false));
        this.#armed = true;
        return undefined;
      }
      this.#armed = false;
      return this.#sleep();
    }
    return undefined;
  }

  /** For rounds that found work: the event loop has its turn in the longest test too. */
  breathe(now: number): Promise<void> | undefined {
    return this.#slices.breathe(now);
  }

  async #sleep(): Promise<void> {
    this.#signal?.throwIfAborted();
    const woken = new AbortController();
    const signal = this.#signal === undefined ? woken.signal : AbortSignal.any([woken.signal, this.#signal]);
    try {
      await Promise.race(this.#cqs.map((cq) => cq.core.nextEvent(signal)));
    } finally {
      woken.abort();
    }
    this.#signal?.throwIfAborted();
  }
}
