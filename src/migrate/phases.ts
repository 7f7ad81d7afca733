// Bookkeeping of phases and of what must be undone if one of them fails.
import { MigrationError, RoamError } from '../errors.js';
import type { MigrationEvent, PhaseName, PhaseRecord } from './types.js';

interface Undo {
  what: string;
  fn: () => Promise<void>;
}

/**
 * Runs named phases one after the other, times them and keeps a stack of undo steps.
 *
 * Invariant: an undo step is registered before the action that it undoes may have taken effect in part, and
 * steps run last-in first-out, each even if an earlier one failed.
 */
export class Phases {
  readonly records: PhaseRecord[] = [];
  readonly warnings: string[] = [];
  #undo: Undo[] = [];
  #current: PhaseName = 'preflight';
  #committed = false;

  constructor(
    private readonly emit: (event: MigrationEvent) => void = () => {},
    private readonly signal?: AbortSignal,
    private readonly now: () => number = () => performance.now(),
  ) {}

  get current(): PhaseName {
    return this.#current;
  }

  /** Runs one phase. A failure becomes a MigrationError that names the phase and `host`. */
  async run<T>(
    name: PhaseName,
    host: string,
    fn: () => Promise<T>,
    detail?: (value: T) => string,
  ): Promise<T> {
    const phase = this.begin(name);
    try {
      this.throwIfAborted();
      const value = await fn();
      this.throwIfAborted();
      phase.end(detail?.(value));
      return value;
    } catch (cause) {
      throw phase.fail(cause, host);
    }
  }

  /** Starts a phase that ends in another scope, e.g. in a notification of CRIU. */
  begin(name: PhaseName) {
    const started = this.now();
    this.#current = name;
    this.emit({ type: 'start', phase: name });
    let open = true;
    const close = () => {
      open = false;
      const ms = Math.round((this.now() - started) * 10) / 10;
      this.records.push({ name, ms });
      return ms;
    };
    return {
      get open() {
        return open;
      },
      end: (detail?: string) => {
        if (!open) return;
        this.emit({ type: 'end', phase: name, ms: close(), ...(detail ? { detail } : {}) });
      },
      fail: (cause: unknown, host?: string): MigrationError => {
        const error = asMigrationError(cause, name, host);
        if (open) this.emit({ type: 'fail', phase: name, ms: close(), message: error.message });
        return error;
      },
    };
  }

  warn(message: string): void {
    this.warnings.push(message);
    this.emit({ type: 'warning', phase: this.#current, message });
  }

  throwIfAborted(): void {
    if (this.signal?.aborted && !this.#committed) throw new RoamError('INTERRUPTED', 'interrupted');
  }

  onRollback(what: string, fn: () => Promise<void>): void {
    this.#undo.push({ what, fn });
  }

  /** A mark for `rollback(mark)`: only steps registered after it are undone. */
  mark(): number {
    return this.#undo.length;
  }

  /** Undoes the steps above `mark`. Never throws: a step that fails becomes a warning. */
  async rollback(mark = 0): Promise<void> {
    while (this.#undo.length > mark) {
      const { what, fn } = this.#undo.pop() as Undo;
      try {
        await fn();
      } catch (error) {
        this.warn(`rollback: ${what} failed: ${messageOf(error)}`);
      }
    }
  }

  /** Past the commit point nothing is undone any more, and an abort comes too late. */
  committed(): void {
    this.#committed = true;
    this.#undo = [];
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function asMigrationError(cause: unknown, phase: PhaseName, host?: string): MigrationError {
  if (cause instanceof MigrationError) return cause;
  const { code, remedy } = (cause ?? {}) as { code?: string; remedy?: string };
  return new MigrationError(phase, messageOf(cause), {
    cause,
    ...(host ? { host } : {}),
    ...(typeof code === 'string' ? { code } : {}),
    ...(remedy ? { remedy } : {}),
  });
}
