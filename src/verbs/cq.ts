import { RoamError } from '../errors.js';
import { verbs, verbsCall } from './addon.js';
import type { CompletionChannel } from './channel.js';
import type { CompletionBatch, WorkCompletion } from './completion.js';
import { CqCore } from './cq-core.js';
import { destroyer, Life, VerbsObject } from './ownership.js';
import type { ContextScope } from './scope.js';

export interface CqOptions {
  /** Least number of completions that it holds. Default: 256. */
  depth?: number;
  /** Completion vector, from 0. */
  vector?: number;
}

/** A completion queue, ibv_create_cq(3). */
export class Cq extends VerbsObject {
  /** @internal */
  readonly core: CqCore;
  #depth: number;

  /** @internal Use `context.createCq()`. */
  constructor(
    scope: ContextScope,
    channel: CompletionChannel | undefined,
    { depth = 256, vector = 0 }: CqOptions,
  ) {
    const native = verbsCall('no CQ', () =>
      verbs().cqCreate(scope.native, depth, channel?.core.native, vector),
    );
    const core = new CqCore(native, channel?.core);
    const destroy = destroyer('the CQ', native);
    super(
      new Life('CQ', `a CQ of ${native.depth}`, [scope.life, channel?.life], {
        destroy: () => {
          destroy();
          core.close();
        },
      }),
    );
    this.core = core;
    this.#depth = native.depth;
    scope.track(native.id, this);
  }

  /** Completions that it holds; the driver may have rounded up. */
  get depth(): number {
    return this.#depth;
  }

  /**
   * Takes what is there, at once; ibv_poll_cq(3). Completions of requests whose promise someone awaits
   * go there and are not counted.
   *
   * @param patience Microseconds to go on looking for while there are less than `least`, up to 1,000,000. Nothing
   * else happens in the thread meanwhile; another thread may have the processor after the first 20.
   * @param least How many are worth coming back for before the patience ends; the batch's capacity bounds it. Coming
   * back into JavaScript for each costs a receiver of many messages more than the messages.
   * @returns How many there are in `batch` now.
   * @throws {RoamError} `CLOSED` @throws {RangeError} for another patience or `least`
   */
  poll(batch: CompletionBatch, patience = 0, least = 1): number {
    this.life.check();
    return this.core.poll(batch, patience, least);
  }

  /**
   * Completions as they come, in batches of at least one. Breaking out of the loop loses none: they are
   * given to the next iterator.
   *
   * @throws the signal's reason when it is aborted; {RoamError} `CLOSED` when the CQ is closed;
   * `NO_CHANNEL` when it was made without a completion channel.
   */
  async *events({ signal }: { signal?: AbortSignal } = {}): AsyncGenerator<WorkCompletion[], void, void> {
    this.life.check();
    if (!this.core.hasChannel) {
      throw new RoamError('NO_CHANNEL', 'a CQ without completion channel has no events', {
        remedy: 'create it with a channel, or poll it',
      });
    }
    for (;;) {
      signal?.throwIfAborted();
      this.life.check();
      const batch = this.core.take();
      if (batch.length > 0) yield batch;
      else await this.core.readable(signal);
    }
  }

  /**
   * Changes its depth, ibv_resize_cq(3).
   *
   * @throws {VerbsError} `EINVAL`: the device allows no such depth, or the CQ holds more than that.
   */
  resize(depth: number): void {
    this.life.check();
    this.#depth = verbsCall('the CQ cannot be resized', () => verbs().cqResize(this.core.native, depth));
  }
}
