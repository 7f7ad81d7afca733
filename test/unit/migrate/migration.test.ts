import { describe, expect, it } from 'vitest';
import { asMigration } from '../../../src/migrate/migration.js';
import type { MigrateOptions, MigrationEvent, MigrationReport } from '../../../src/migrate/types.js';

const soon = () => new Promise((resolve) => setTimeout(resolve, 1));
const event = (message: string): MigrationEvent => ({ type: 'warning', phase: 'dump', message });
const REPORT = { ok: true, comm: 'ours' } as MigrationReport;

/** Tells a, b and c, and ends with `end`. */
function start(end: () => MigrationReport, options: Partial<MigrateOptions> = {}) {
  return asMigration({ target: 'pid:1', to: 'b', ...options }, async ({ onEvent }) => {
    onEvent?.(event('a'));
    await soon();
    for (const message of ['b', 'c']) onEvent?.(event(message));
    await soon();
    return end();
  });
}

async function read(events: AsyncIterable<MigrationEvent>): Promise<string> {
  let text = '';
  for await (const each of events) text += each.type === 'warning' ? each.message : '?';
  return text;
}

describe('a migration', () => {
  it('is a promise of its report, and gives all of its events to every loop', async () => {
    const heard: MigrationEvent[] = [];
    const migration = start(() => REPORT, { onEvent: (each) => heard.push(each) });
    expect(await Promise.all([read(migration), read(migration)])).toEqual(['abc', 'abc']);
    expect(await migration).toBe(REPORT);
    expect(await read(migration), 'also afterwards').toBe('abc');
    expect(heard).toHaveLength(3);
  });

  it('throws from the loop what it fails with, and from there alone', async () => {
    const migration = start(() => {
      throw new Error('no way');
    });
    let text = '';
    const loop = (async () => {
      for await (const each of migration) text += each.type === 'warning' ? each.message : '?';
    })();
    // Were the promise unhandled, the run of the tests would fail.
    await expect(loop).rejects.toThrow('no way');
    expect(text).toBe('abc');
  });

  it('goes on when its loop is left', async () => {
    const migration = start(() => REPORT);
    for await (const _ of migration) break;
    expect(await migration).toBe(REPORT);
  });
});
