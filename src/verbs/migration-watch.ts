import { verbs } from './addon.js';
import type { AsyncEvents } from './async-events.js';
import { migrationCall, type QpMigrationState, qpMigrationState } from './migration.js';
import type { Life } from './ownership.js';
import type { ContextScope } from './scope.js';

/** Called before a dump, which waits for it a while. */
export type BeforeDump = () => void | Promise<void>;

/** Called when the program runs again: `moved` is false where it was not moved after all. */
export type AfterRestore = (what: { moved: boolean }) => void | Promise<void>;

/** What the module tells of a context's migration: by events, nobody polls. */
export class MigrationWatch {
  readonly #scope: ContextScope;
  readonly #events: AsyncEvents;
  readonly #before = new Set<BeforeDump>();
  readonly #after = new Set<AfterRestore>();
  #unlisten?: () => void;
  /** The module tells of one change of a QP; then it wants to be asked again. */
  #armed = false;

  constructor(scope: ContextScope, events: AsyncEvents) {
    this.#scope = scope;
    this.#events = events;
  }

  onBeforeDump(callback: BeforeDump): () => void {
    return this.#subscribe(this.#before, callback);
  }

  onAfterRestore(callback: AfterRestore): () => void {
    return this.#subscribe(this.#after, callback);
  }

  /** The state of a QP as it is, then each time that it is another one. */
  async *states(qp: Life, qpn: number, signal?: AbortSignal): AsyncGenerator<QpMigrationState, void, void> {
    let wake = () => {};
    const told = () => wake();
    const forget = [
      this.#events.listen((type) => this.#onQpEvent(type, told), { ref: true }),
      qp.onEnd(told),
      onAbort(signal, told),
    ];
    try {
      for (let last: QpMigrationState | undefined; ; ) {
        signal?.throwIfAborted();
        qp.check();
        const change = new Promise<void>((resolve) => {
          wake = resolve;
        });
        // Armed before it is looked at: no change falls between.
        const supported = this.#arm();
        const state = qpMigrationState(this.#scope, qpn);
        if (state !== last) yield state;
        else await change;
        last = state;
        if (!supported) return;
      }
    } finally {
      for (const end of forget) end();
    }
  }

  /** Of a context that is about to be closed: nobody shall wait for what it prepares. */
  close(): void {
    if (this.#unlisten === undefined) return;
    this.#unlisten();
    this.#unlisten = undefined;
    try {
      this.#apply();
    } catch {
      // Its device has gone.
    }
  }

  #onQpEvent(type: number, told: () => void): void {
    if (type !== verbs().rxeWatchNumbers.eventQps) return;
    this.#armed = false;
    told();
  }

  /** @returns false where the module is not ours */
  #arm(): boolean {
    this.#armed = true;
    return this.#apply();
  }

  #apply(): boolean {
    const { watchQps, watchMoves } = verbs().rxeWatchNumbers;
    const flags = (this.#armed ? watchQps : 0) | (this.#unlisten === undefined ? 0 : watchMoves);
    const done = migrationCall(this.#scope, (fd) => {
      verbs().rxeWatch(fd, flags);
      return true;
    });
    return done ?? false;
  }

  #subscribe<T>(callbacks: Set<T>, callback: T): () => void {
    callbacks.add(callback);
    this.#follow();
    return () => {
      callbacks.delete(callback);
      if (!this.#scope.life.closed && this.#unlisten !== undefined) this.#follow();
    };
  }

  /** Asks for the events of a move while anyone wants them. */
  #follow(): void {
    const wanted = this.#before.size + this.#after.size > 0;
    if (wanted === (this.#unlisten !== undefined)) return;
    this.#unlisten?.();
    this.#unlisten = wanted ? this.#events.listen((type) => this.#onMove(type), { ref: false }) : undefined;
    this.#apply();
  }

  #onMove(type: number): void {
    const { eventMoves, eventStays, eventMoved } = verbs().rxeWatchNumbers;
    if (type === eventMoves) void this.#getReady();
    else if (type === eventStays || type === eventMoved) {
      const what = { moved: type === eventMoved };
      void all(this.#after, (callback) => callback(what));
    }
  }

  async #getReady(): Promise<void> {
    await all(this.#before, (callback) => callback());
    if (this.#scope.life.closed) return;
    try {
      migrationCall(this.#scope, (fd) => verbs().rxeReady(fd));
    } catch (error) {
      // The device has gone: there is nobody to be ready for.
      process.emitWarning(`a dump is not told of being ready: ${String(error)}`, 'RoamWarning');
    }
  }
}

/** Runs all at once. What one throws must neither keep the others from running nor end the program. */
async function all<T>(callbacks: Iterable<T>, call: (callback: T) => void | Promise<void>): Promise<void> {
  const results = await Promise.allSettled([...callbacks].map(async (callback) => call(callback)));
  for (const result of results) {
    if (result.status === 'rejected')
      process.emitWarning(`a callback for a migration failed: ${String(result.reason)}`, 'RoamWarning');
  }
}

function onAbort(signal: AbortSignal | undefined, told: () => void): () => void {
  signal?.addEventListener('abort', told);
  return () => signal?.removeEventListener('abort', told);
}
