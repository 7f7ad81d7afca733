import { setImmediate as turn } from 'node:timers/promises';

/** Milliseconds for which a polling loop may keep the event loop waiting: a turn of it costs as much as messages. */
const SLICE = 100;

/** Lets the event loop turn now and then in a loop that polls: for the abort signal, timers and sockets. */
export class Slices {
  #next = performance.now() + SLICE;
  readonly #signal?: AbortSignal;

  constructor(signal?: AbortSignal) {
    this.#signal = signal;
  }

  /** Whether it is time to {@link turn}. */
  due(now: number): boolean {
    return now >= this.#next;
  }

  async turn(): Promise<void> {
    await turn();
    this.#signal?.throwIfAborted();
    this.#next = performance.now() + SLICE;
  }

  /** To be awaited only when it is not undefined: in every round, also one that found work. */
  breathe(now: number): Promise<void> | undefined {
    return this.due(now) ? this.turn() : undefined;
  }
}

/** The window of a test with a duration: what happens within its margins does not count. */
export class Window {
  readonly #duration: number;
  readonly #margin: number;
  #start = Number.POSITIVE_INFINITY;

  /** Both in seconds. */
  constructor(duration: number, margin: number) {
    this.#duration = duration * 1000;
    this.#margin = margin * 1000;
  }

  /** Idempotent. */
  begin(now: number): void {
    if (this.#start === Number.POSITIVE_INFINITY) this.#start = now;
  }

  counts(now: number): boolean {
    return now >= this.#start + this.#margin && now < this.#start + this.#duration - this.#margin;
  }

  over(now: number): boolean {
    return now >= this.#start + this.#duration;
  }

  /** Milliseconds that count. */
  get length(): number {
    return this.#duration - 2 * this.#margin;
  }
}
