import { describe, expect, it } from 'vitest';
import { MigrationError, RoamError } from '../../../src/errors.js';
import { Phases } from '../../../src/migrate/phases.js';
import type { MigrationEvent } from '../../../src/migrate/types.js';

function setup(signal?: AbortSignal) {
  const events: MigrationEvent[] = [];
  let clock = 0;
  const phases = new Phases(
    (event) => events.push(event),
    signal,
    () => (clock += 10),
  );
  return { events, phases };
}

describe('Phases', () => {
  it('times phases in their order', async () => {
    const { phases, events } = setup();
    expect(await phases.run('preflight', 'a', async () => 7)).toBe(7);
    await phases.run(
      'transfer',
      'b',
      async () => 5,
      (bytes) => `${bytes} bytes`,
    );
    expect(phases.records).toEqual([
      { name: 'preflight', host: 'source', startMs: 10, ms: 10 },
      { name: 'transfer', host: 'source', startMs: 30, ms: 10 },
    ]);
    expect(events.at(-1)).toEqual({ type: 'end', phase: 'transfer', ms: 10, detail: '5 bytes' });
  });

  it('names phase, host, code and remedy of a failure', async () => {
    const { phases, events } = setup();
    const cause = new RoamError('NO_SPACE', 'no room', { remedy: 'free some' });
    const failure = await phases.run('prepare', 'b', () => Promise.reject(cause)).catch((error) => error);
    expect(failure).toBeInstanceOf(MigrationError);
    expect(failure).toMatchObject({
      phase: 'prepare',
      host: 'b',
      code: 'NO_SPACE',
      remedy: 'free some',
      cause,
    });
    expect(events.at(-1)).toMatchObject({ type: 'fail', phase: 'prepare', message: 'no room' });
  });

  it('keeps the innermost phase of a nested failure', async () => {
    const { phases } = setup();
    const inner = new MigrationError('restore', 'no pid', { host: 'b' });
    await expect(phases.run('dump', 'a', () => Promise.reject(inner))).rejects.toBe(inner);
  });

  it('undoes in reverse order, down to a mark, each step once, whatever fails', async () => {
    const { phases } = setup();
    const undone: string[] = [];
    const step = (name: string, error?: Error) =>
      phases.onRollback(name, async () => {
        undone.push(name);
        if (error) throw error;
      });
    step('directory');
    step('QPs');
    const mark = phases.mark();
    step('address');
    step('destination', new Error('connection lost'));
    phases.keepLogs = async () => {
      undone.push('logs kept');
    };
    await phases.rollback(mark);
    expect(undone).toEqual(['logs kept', 'destination', 'address']);
    phases.keepLogs = async () => {};
    expect(phases.warnings).toEqual(['rollback: destination failed: connection lost']);
    await phases.rollback();
    await phases.rollback();
    expect(undone).toEqual(['logs kept', 'destination', 'address', 'QPs', 'directory']);
    expect(phases.undone).toEqual([
      { what: 'destination', failure: 'connection lost' },
      { what: 'address' },
      { what: 'QPs' },
      { what: 'directory' },
    ]);
    expect(phases.records.map(({ name }) => name)).toEqual(['rollback', 'rollback']);
  });

  it('tells of a failure how far it came', async () => {
    const { phases } = setup();
    await phases.run('preflight', 'a', async () => {});
    phases.note({ comm: 'server', frozenAtMs: phases.elapsed() });
    phases.onRollback('directory', async () => {});
    await phases.run('dump', 'a', () => Promise.reject(new Error('no'))).catch(() => {});
    await phases.rollback();
    expect(phases.failed({ target: 'pid:7', source: 'a', destination: 'b' })).toMatchObject({
      ok: false,
      committed: false,
      target: 'pid:7',
      comm: 'server',
      frozenAtMs: 30,
      phases: [
        { name: 'preflight', startMs: 10 },
        { name: 'dump', host: 'source', startMs: 40, ms: 10 },
        { name: 'rollback', startMs: 60 },
      ],
      undone: [{ what: 'directory' }],
    });
  });

  it('ends at the next boundary when it is aborted, but not after the commit', async () => {
    const abort = new AbortController();
    const { phases } = setup(abort.signal);
    const failure = await phases
      .run('transfer', 'b', async () => abort.abort())
      .catch((error: MigrationError) => error);
    expect(failure).toMatchObject({ code: 'INTERRUPTED', phase: 'transfer' });
    let undone = false;
    phases.onRollback('anything', async () => {
      undone = true;
    });
    phases.committed();
    await phases.run('resume', 'b', async () => {});
    await phases.rollback();
    expect(undone).toBe(false);
  });
});
