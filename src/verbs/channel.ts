import { type FdPoll, READABLE, sys, syscall } from '../sys/addon.js';
import { verbs, verbsCall } from './addon.js';
import type { NativeChannel, NativeContextHandle } from './native-objects.js';
import { destroyer, Life, VerbsObject } from './ownership.js';

/** Events taken from a channel before others have their turn in the event loop. */
const DRAIN = 256;

/** What a CQ wants of its channel. @internal */
export interface ChannelUser {
  /** An event of the CQ has come. */
  onEvent(): void;
  /** The channel is broken. */
  onError(error: unknown): void;
}

/** The part of a channel that its CQs hold. @internal */
export class ChannelCore {
  readonly native: NativeChannel;
  readonly #poll: FdPoll;
  readonly #users = new Map<number, ChannelUser>();
  #waiting = 0;

  constructor(native: NativeChannel) {
    this.native = native;
    this.#poll = syscall(() => new (sys().FdPoll)(native.fd, () => this.#drain()));
  }

  add(cqId: number, user: ChannelUser): void {
    this.#users.set(cqId, user);
  }

  remove(cqId: number): void {
    this.#users.delete(cqId);
  }

  /** The process stays alive, and the channel is watched, while some CQ waits. */
  wait(): void {
    if (this.#waiting === 0) syscall(() => this.#poll.start(READABLE));
    this.#waiting++;
  }

  unwait(): void {
    if (--this.#waiting === 0) this.#poll.stop();
  }

  close(): void {
    this.#poll.close();
  }

  #drain(): void {
    let ids: number[];
    try {
      ids = verbsCall('the completion channel', () => verbs().channelEvents(this.native, DRAIN));
    } catch (error) {
      for (const user of [...this.#users.values()]) user.onError(error);
      return;
    }
    for (const id of new Set(ids)) this.#users.get(id)?.onEvent();
  }
}

/** Tells CQs that they have completions, ibv_create_comp_channel(3). Many CQs may share one. */
export class CompletionChannel extends VerbsObject {
  /** @internal */
  readonly core: ChannelCore;

  /** @internal Use `context.createChannel()`. */
  constructor(context: NativeContextHandle, parent: Life) {
    const native = verbsCall('no completion channel', () => verbs().channelCreate(context));
    const core = new ChannelCore(native);
    const destroy = destroyer('the completion channel', native);
    super(
      new Life('channel', 'a completion channel', [parent], {
        destroy: () => {
          core.close();
          destroy();
        },
      }),
    );
    this.core = core;
  }
}
