// A migration as its caller holds it: a promise of the report, and the events on the way there.
import type { MigrateOptions, MigrationEvent, MigrationReport } from './types.js';

/**
 * A migration under way: a promise of its report, and its events by `for await`, from the first one whenever the
 * loop begins. A loop throws what the promise rejects with. Leaving it does not end the migration: abort its
 * `signal` for that.
 */
export interface Migration extends Promise<MigrationReport>, AsyncIterable<MigrationEvent> {}

/** Starts `run`, and keeps its events for whoever asks for them. */
export function asMigration(
  options: MigrateOptions,
  run: (options: MigrateOptions) => Promise<MigrationReport>,
): Migration {
  const events: MigrationEvent[] = [];
  const waiting = new Set<() => void>();
  const wakeAll = () => {
    for (const wake of waiting) wake();
    waiting.clear();
  };
  const onEvent = (event: MigrationEvent) => {
    events.push(event);
    wakeAll();
    options.onEvent?.(event);
  };
  let ended = false;
  const report = run({ ...options, onEvent }).finally(() => {
    ended = true;
    wakeAll();
  });

  async function* each(): AsyncGenerator<MigrationEvent, void> {
    // The loop tells of a failure: whoever has one need not look at the promise too.
    report.catch(() => {});
    for (let next = 0; ; next++) {
      while (next >= events.length && !ended) await new Promise<void>((wake) => waiting.add(wake));
      const event = events[next];
      if (event === undefined) break;
      yield event;
    }
    await report;
  }
  return Object.assign(report, { [Symbol.asyncIterator]: each });
}
