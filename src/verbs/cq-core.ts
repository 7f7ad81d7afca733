import { RoamError } from '../errors.js';
import { verbs, verbsCall, verbsFailure } from './addon.js';
import type { ChannelCore, ChannelUser } from './channel.js';
import { CompletionBatch, type WorkCompletion, WorkCompletionError } from './completion.js';
import { Sleepers } from './cq-sleepers.js';
import type { NativeCq } from './native-objects.js';

/** Who waits for the completion of one request. */
export interface Pending {
  /** The QP; see {@link CqCore.abandon}. */
  owner: object;
  resolve(completion: WorkCompletion): void;
  reject(error: unknown): void;
}

/** Completions kept for a reader that does not come; the CQ keeps the rest. */
const MAX_UNREAD = 1 << 20;

/**
 * Takes completions off a CQ and hands each to the one it belongs to: those of promises to their
 * promises (their wr_id is negative), the others to whoever polls or iterates.
 *
 * Waiting arms first and drains then, so that a completion in between is not slept through. Invariant:
 * while the channel is watched the CQ is armed, or an event of it is on its way, or it is about to be.
 */
export class CqCore implements ChannelUser {
  readonly native: NativeCq;
  readonly #channel?: ChannelCore;
  readonly #batch = new CompletionBatch(64);
  readonly #pending = new Map<number, Pending>();
  /** Records of completions that came while nobody polled: the oldest first. */
  readonly #unread: Uint8Array[] = [];
  /** Iterators. */
  readonly #readers = new Set<() => void>();
  readonly #sleepers = new Sleepers();
  #nextId = -1;
  #watched = false;
  #failure: unknown;
  #closed = false;

  constructor(native: NativeCq, channel?: ChannelCore) {
    this.native = native;
    this.#channel = channel;
    channel?.add(native.id, this);
  }

  get hasChannel(): boolean {
    return this.#channel !== undefined;
  }

  /** A number for a request of which `pending` is told the end. */
  expect(pending: Pending): number {
    const id = this.#nextId--;
    this.#pending.set(id, pending);
    this.#watch();
    return id;
  }

  /** Nobody waits for the request any more, or it was not posted after all. */
  forget(id: number): void {
    this.#pending.delete(id);
    this.#watch();
  }

  /** The QP is gone, or was reset: its requests will have no completion. */
  abandon(owner: object, qpn: number): void {
    for (const [wrId, pending] of this.#pending) {
      if (pending.owner !== owner) continue;
      this.#pending.delete(wrId);
      const flushed = {
        wrId,
        status: 'WR_FLUSH_ERR',
        receive: false,
        byteLength: 0,
        qpn,
        vendorError: 0,
      } as const;
      pending.reject(new WorkCompletionError(flushed));
    }
    this.#watch();
  }

  /** Completions for the user into `batch`: kept ones first. Allocates nothing when none were kept. */
  poll(batch: CompletionBatch, patience: number, least: number): number {
    if (this.kept) {
      batch.fill(this.#unread.splice(0, batch.capacity));
      return batch.length;
    }
    return this.sort(batch, this.#poll(batch.records, patience, least));
  }

  /** Whether completions were kept: the next poll gives these. */
  get kept(): boolean {
    return this.#unread.length > 0;
  }

  /** Of `found` completions that were polled into `batch`, those of promises to their promises. @returns the rest */
  sort(batch: CompletionBatch, found: number): number {
    batch.length = found;
    let kept = 0;
    for (let index = 0; index < found; index++) {
      if (batch.wrId(index) < 0) this.#settle(batch.get(index));
      else batch.move(index, kept++);
    }
    batch.length = kept;
    if (kept !== found) this.#watch();
    return kept;
  }

  /** What the user has to be told of, at once; waits for nothing. */
  take(): WorkCompletion[] {
    this.drain();
    if (this.#unread.length === 0) return [];
    const batch = new CompletionBatch(Math.min(this.#unread.length, MAX_UNREAD));
    batch.fill(this.#unread.splice(0, batch.capacity));
    return [...batch];
  }

  /** Resolves when there is something for the user. The caller has drained. */
  async readable(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const end = () => {
        this.#readers.delete(wake);
        signal?.removeEventListener('abort', onAbort);
        this.#watch();
      };
      const wake = () => {
        end();
        if (this.#failure !== undefined) reject(this.#failure);
        else resolve();
      };
      const onAbort = () => {
        end();
        reject(signal?.reason);
      };
      this.#readers.add(wake);
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#watch();
    });
  }

  /**
   * Resolves at the next event of the CQ, which the caller has armed, and polled since: nothing is taken
   * off it here.
   */
  async nextEvent(signal: AbortSignal): Promise<void> {
    if (this.#channel === undefined)
      throw new RoamError('NO_CHANNEL', 'a CQ without completion channel has no events');
    await this.#sleepers.sleep(this.#channel, signal);
  }

  /** Takes everything that is there. */
  drain(): void {
    if (this.#closed) return;
    try {
      while (this.#unread.length < MAX_UNREAD) {
        const found = this.#poll(this.#batch.records, 0, 1);
        this.keep(this.#batch, found);
        if (found < this.#batch.capacity) return;
      }
    } finally {
      // The last promise may have been settled: nothing is waited for then.
      this.#watch();
    }
  }

  /** Like {@link sort}, but keeps the rest for the next poll. */
  keep(batch: CompletionBatch, found: number): void {
    batch.length = found;
    for (let index = 0; index < found; index++) {
      if (batch.wrId(index) < 0) this.#settle(batch.get(index));
      else this.#unread.push(batch.record(index));
    }
  }

  onEvent(): void {
    if (this.#closed) return;
    this.#sleepers.wake();
    if (!this.#wanted) {
      this.#watch();
      return;
    }
    try {
      verbsCall('a CQ cannot be armed', () => verbs().cqArm(this.native, false));
      this.drain();
    } catch (error) {
      this.onError(error);
      return;
    }
    if (this.#unread.length > 0) this.#wakeReaders();
  }

  onError(error: unknown): void {
    this.#failure = error;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
    this.#sleepers.wake();
    this.#wakeReaders();
    this.#watch();
  }

  /** The CQ is about to go: nobody is told anything any more. */
  close(): void {
    this.#closed = true;
    this.#channel?.remove(this.native.id);
    this.onError(new RoamError('CLOSED', 'the CQ was closed'));
  }

  /** No closure here: what is called for every message must not allocate. */
  #poll(records: Uint8Array, patience: number, least: number): number {
    try {
      return this.native.poll(records, patience, least);
    } catch (error) {
      throw verbsFailure('a CQ cannot be polled', error);
    }
  }

  #settle(completion: WorkCompletion): void {
    const pending = this.#pending.get(completion.wrId);
    this.#pending.delete(completion.wrId);
    if (completion.status === 'SUCCESS') pending?.resolve(completion);
    else pending?.reject(new WorkCompletionError(completion));
  }

  #wakeReaders(): void {
    for (const wake of [...this.#readers]) wake();
  }

  get #wanted(): boolean {
    return !this.#closed && (this.#pending.size > 0 || this.#readers.size > 0);
  }

  /** Watches the channel as long as somebody waits. */
  #watch(): void {
    const wanted = this.#wanted;
    if (wanted === this.#watched || this.#channel === undefined) return;
    if (!wanted) {
      this.#watched = false;
      this.#channel.unwait();
      return;
    }
    this.#channel.wait();
    this.#watched = true;
    // In a turn of its own: the caller has yet to post what it waits for, and to hold the promise.
    queueMicrotask(() => {
      if (this.#watched) this.onEvent();
    });
  }
}
