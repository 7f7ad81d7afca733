import { SyscallError } from '../errors.js';
import { type FdPoll, READABLE, sys, syscall, WRITABLE } from './addon.js';

interface Waiter {
  events: number;
  ref: boolean;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * Promises for the readiness of one descriptor, over one poll of the event loop. Several may wait at
 * once; each is told when one of its events is there. While nobody waits, or only waiters with
 * `ref: false` do, the process may exit.
 */
export class Readiness {
  readonly #poll: FdPoll;
  readonly #waiters = new Set<Waiter>();
  #closed = false;

  /** Makes `fd` non-blocking. The descriptor stays the caller's, and open until {@link close}. */
  constructor(fd: number) {
    // The callback must not hold the owner of this object, or neither would ever be collected.
    this.#poll = syscall(() => new (sys().FdPoll)(fd, (errno, events) => this.#report(errno, events)));
  }

  /** Resolves when `fd` is readable or has come to its end. */
  readable(signal?: AbortSignal, { ref = true }: { ref?: boolean } = {}): Promise<void> {
    return this.#wait(READABLE, ref, signal);
  }

  /** Resolves when `fd` takes data again. */
  writable(signal?: AbortSignal): Promise<void> {
    return this.#wait(WRITABLE, true, signal);
  }

  /** Rejects whoever waits (`ECANCELED`) and lets go of the descriptor. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#poll.close();
    const error = new SyscallError('the descriptor was closed while it was waited for', {
      code: 'ECANCELED',
      errno: 125,
      syscall: 'poll',
    });
    for (const waiter of [...this.#waiters]) waiter.reject(error);
  }

  #wait(events: number, ref: boolean, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    return new Promise((resolve, reject) => {
      const done = () => {
        this.#waiters.delete(waiter);
        signal?.removeEventListener('abort', onAbort);
        if (!this.#closed) this.#arm();
      };
      const onAbort = () => waiter.reject(signal?.reason);
      const waiter: Waiter = {
        events,
        ref,
        resolve: () => {
          done();
          resolve();
        },
        reject: (error) => {
          done();
          reject(error);
        },
      };
      if (this.#closed) {
        reject(new SyscallError('the descriptor is closed', { code: 'EBADF', errno: 9, syscall: 'poll' }));
        return;
      }
      this.#waiters.add(waiter);
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#arm();
    });
  }

  #arm(): void {
    let events = 0;
    let ref = false;
    for (const waiter of this.#waiters) {
      events |= waiter.events;
      ref ||= waiter.ref;
    }
    if (events === 0) {
      this.#poll.stop();
      return;
    }
    syscall(() => this.#poll.start(events));
    if (ref) this.#poll.ref();
    else this.#poll.unref();
  }

  #report(errno: number, events: number): void {
    // An error of the poll itself is told by the system call that the waiter makes next.
    for (const waiter of [...this.#waiters]) {
      if (errno !== 0 || (waiter.events & events) !== 0) waiter.resolve();
    }
  }
}
