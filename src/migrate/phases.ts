// Bookkeeping of phases and of what must be undone if one of them fails.
import { MigrationError, RoamError } from '../errors.js';
import { AgentError } from './agent/client.js';
import type {
  FailedMigration,
  MigrationEvent,
  MigrationReport,
  PhaseName,
  PhaseRecord,
  UndoneStep,
} from './types.js';

/** The other phases work at the source. */
const AT_DESTINATION = new Set<PhaseName>([
  'address',
  'restore',
  'verify',
  'resume',
  'settle',
  'post-copy',
  'cleanup',
]);

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
  readonly undone: UndoneStep[] = [];
  /** ISO 8601. */
  readonly startedAt = new Date().toISOString();
  /** Saves the logs before they are removed. Must not throw. */
  keepLogs: () => Promise<void> = async () => {};
  readonly known: Partial<Omit<MigrationReport, 'ok'>> = {};
  readonly #origin: number;
  #undo: Undo[] = [];
  #current: PhaseName = 'preflight';
  #committed = false;

  constructor(
    private readonly emit: (event: MigrationEvent) => void = () => {},
    private readonly signal?: AbortSignal,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.#origin = now();
  }

  get current(): PhaseName {
    return this.#current;
  }

  /** Milliseconds since the start, rounded to 0.1. */
  elapsed(): number {
    return tenths(this.now() - this.#origin);
  }

  /** Keeps what has become known, for the report of a migration that fails later. */
  note(facts: Partial<Omit<MigrationReport, 'ok'>>): void {
    Object.assign(this.known, facts);
  }

  /** What is known so far, of a migration that has failed. */
  failed(subject: Pick<FailedMigration, 'target' | 'source' | 'destination'>): FailedMigration {
    const { startedAt, records: phases, warnings, undone } = this;
    const committed = this.#committed;
    return { ...subject, ...this.known, ok: false, committed, startedAt, phases, warnings, undone };
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
    const startMs = tenths(started - this.#origin);
    this.#current = name;
    this.emit({ type: 'start', phase: name });
    let open = true;
    const close = () => {
      open = false;
      const ms = tenths(this.now() - started);
      const host = AT_DESTINATION.has(name) ? 'destination' : 'source';
      this.records.push({ name, host, startMs, ms });
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

  get isCommitted(): boolean {
    return this.#committed;
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
    if (this.#undo.length <= mark) return this.keepLogs();
    const phase = this.begin('rollback');
    await this.keepLogs();
    while (this.#undo.length > mark) {
      const { what, fn } = this.#undo.pop() as Undo;
      try {
        await fn();
        this.undone.push({ what });
      } catch (error) {
        this.undone.push({ what, failure: messageOf(error) });
        this.warn(`rollback: ${what} failed: ${messageOf(error)}`);
      }
    }
    phase.end();
  }

  /** Past the commit point nothing is undone any more, and an abort comes too late. */
  committed(): void {
    this.#committed = true;
    this.#undo = [];
  }
}

const tenths = (ms: number): number => Math.round(ms * 10) / 10;

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function asMigrationError(cause: unknown, phase: PhaseName, at?: string): MigrationError {
  if (cause instanceof MigrationError) return cause;
  const host = cause instanceof AgentError ? cause.host : at;
  const { code, remedy } = (cause ?? {}) as { code?: string; remedy?: string };
  return new MigrationError(phase, messageOf(cause), {
    cause,
    ...(host ? { host } : {}),
    ...(typeof code === 'string' ? { code } : {}),
    ...(remedy ? { remedy } : {}),
  });
}
