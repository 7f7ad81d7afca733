import type { CompletionBatch } from './completion.js';
import type { Cq } from './cq.js';
import type { NativeRound } from './native-objects.js';

export interface RoundOptions {
  /** The first of the batch's requests. Default: 0. */
  first?: number;
  /** How many. Default: all from there on. */
  count?: number;
  /** Microseconds, from 0 to 1,000,000; see {@link Cq.poll}. Default: 0. */
  patience?: number;
  /** How many completions are worth coming back for. Default: 1. */
  least?: number;
}

/** Requests that are posted and a CQ that is polled then: made by `prepareRound()` of a batch, run any number of times. */
export class Round {
  readonly #native: NativeRound;
  readonly #cq: Cq;
  readonly #completions: CompletionBatch;
  readonly #failure: (error: unknown) => unknown;

  /** @internal @param failure Makes the error that the user gets. */
  constructor(
    native: NativeRound,
    cq: Cq,
    completions: CompletionBatch,
    failure: (error: unknown) => unknown,
  ) {
    this.#native = native;
    this.#cq = cq;
    this.#completions = completions;
    this.#failure = failure;
  }

  /**
   * Posts, and polls then. Allocates nothing.
   *
   * @returns How many completions there are in the batch that was named.
   * @throws {VerbsError} as `post()` and `Cq.poll()` do; `error.posted` requests were posted: all, when it is the
   * poll that failed. @throws {RoamError} `CLOSED`
   */
  run(): number {
    const { core } = this.#cq;
    try {
      if (!core.kept) return core.sort(this.#completions, this.#native());
      core.keep(this.#completions, this.#native(true));
    } catch (error) {
      throw this.#failure(error);
    }
    return core.poll(this.#completions, 0, 1);
  }
}
