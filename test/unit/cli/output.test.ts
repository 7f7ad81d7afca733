import { describe, expect, it } from 'vitest';
import { byteCount, errorObject, errorText, migrationProgress, table } from '../../../src/cli/output.js';
import { MigrationError } from '../../../src/errors.js';
import { PreflightError } from '../../../src/migrate/index.js';

describe('errors for people and programs', () => {
  it('says what, where and what to do', () => {
    const error = new MigrationError('restore', 'pid 7 is taken', { host: 'b', remedy: 'end it' });
    expect(errorText(error)).toBe('roam: phase restore on b: pid 7 is taken\n  -> end it');
    expect(errorObject(error)).toEqual({
      ok: false,
      error: {
        code: 'MIGRATION_FAILED',
        message: 'pid 7 is taken',
        phase: 'restore',
        host: 'b',
        remedy: 'end it',
      },
    });
  });

  it('lists every finding of preflight at once', () => {
    const error = new PreflightError([
      { severity: 'error', code: 'ONE', host: 'a', message: 'one', remedy: 'fix one' },
      { severity: 'error', code: 'TWO', host: 'b', message: 'two' },
    ]);
    expect(errorText(error)).toBe(
      'roam: nothing was stopped; 2 reasons not to begin:\n  a: one\n    -> fix one\n  b: two',
    );
    expect(errorObject(error).error).toMatchObject({ code: 'PREFLIGHT_FAILED', message: 'a: one; b: two' });
  });
});

describe('table', () => {
  it('aligns numbers to the right', () => {
    expect(
      table(
        ['QPN', 'STATE'],
        [
          [1, 'RTS'],
          [4098, 'INIT'],
        ],
      ),
    ).toBe(' QPN  STATE\n   1  RTS\n4098  INIT');
  });

  it('writes sizes in the largest unit', () => {
    expect([12, 2048, 3 * 1048576].map(byteCount)).toEqual(['12 B', '2.0 KiB', '3.0 MiB']);
  });
});

describe('progress on a terminal', () => {
  it('leaves Ctrl-C to the migration, and comes to rest when the rest is not reached', async () => {
    const before = process.listenerCount('SIGINT');
    const terminal = { isTTY: true, write: () => true } as unknown as NodeJS.WriteStream;
    const progress = await migrationProgress(terminal, ['preflight', 'dump', 'cleanup']);
    progress.onEvent({ type: 'start', phase: 'preflight' });
    expect(process.listenerCount('SIGINT')).toBe(before);
    progress.onEvent({ type: 'end', phase: 'preflight', ms: 1 });
    await progress.done();
  });
});
