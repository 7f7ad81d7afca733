import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Journal, type JournalEntry, readJournal, readJournals } from '../../../src/migrate/journal.js';
import { sourceState } from '../../../src/migrate/lookup.js';
import { bootId, isThere, livingTasks, taskId, ticksNow } from '../../../src/migrate/task-id.js';

let directory: string;
beforeEach(async () => {
  directory = path.join(await mkdtemp(path.join(tmpdir(), 'roam-journal-')), 'state');
});
afterEach(() => rm(path.dirname(directory), { recursive: true }));

async function entry(id: string, pid = process.pid): Promise<JournalEntry> {
  const boot = await bootId();
  return {
    id,
    role: 'source',
    boot,
    other: { hosts: ['b'], ssh: ['ssh'], roam: ['roam'], criu: 'criu' },
    dir: '/dev/shm/none',
    phase: 'prepare',
    origin: { hostname: 'a', boot, root: await taskId(pid), pids: [pid], stopped: [], contexts: 0 },
  };
}

describe('the journal', () => {
  it('is there for root alone, and whole after each mark', async () => {
    const journal = await Journal.create(await entry('roam-a-1-x'), directory);
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    expect((await stat(`${directory}/roam-a-1-x.json`)).mode & 0o777).toBe(0o600);
    const marks = ['dump', 'transfer', 'restore'].map((phase) => journal.mark({ phase }));
    expect(await readJournal('roam-a-1-x', directory)).toMatchObject({ id: 'roam-a-1-x' });
    await Promise.all(marks);
    expect((await readJournals(directory)).map(({ phase }) => phase)).toEqual(['restore']);
    await journal.remove();
    await journal.mark({ phase: 'too late' });
    expect(await readdir(directory)).toEqual([]);
  });

  it('is refused when it is no journal, by name', async () => {
    await Journal.create(await entry('roam-a-2-x'), directory);
    await writeFile(`${directory}/roam-a-2-x.json`, '{"id":');
    await expect(readJournal('roam-a-2-x', directory)).rejects.toThrow(/roam-a-2-x.json is no journal/);
    await expect(readJournal('../etc/passwd', directory)).rejects.toThrow(/no name of a migration/);
    expect(await readJournal('roam-a-3-x', directory)).toBeUndefined();
  });
});

describe('a process is told from a later one with its number', () => {
  it('lives, ends, and was never there', async () => {
    const child = spawn('sleep', ['60']);
    const task = await taskId(child.pid as number);
    expect(await isThere(task)).toBe(true);
    expect(await isThere({ ...task, startTime: String(Number(task.startTime) - 1) })).toBe(false);
    expect(await livingTasks([task.pid, 999_999_999])).toEqual([task]);
    // Its start lies between two readings of the clock.
    expect(Number(task.startTime)).toBeLessThanOrEqual(Number(await ticksNow()) + 1);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await isThere(task)).toBe(false);
  });

  it('tells the source from its facts, not from the journal', async () => {
    const child = spawn('sleep', ['60']);
    const known = await entry('roam-a-4-x', child.pid as number);
    const { origin } = known;
    expect(await sourceState(origin, known)).toBe('alive');
    expect(await sourceState(origin, undefined)).toBe('alive');
    expect(await sourceState({ ...origin, boot: 'another' }, undefined)).toBe('dead');
    expect(await sourceState({ ...origin, root: { ...origin.root, startTime: '1' } }, undefined)).toBe(
      'dead',
    );
    const owner = await taskId(process.pid);
    expect(await sourceState(origin, { ...known, owner })).toBe('busy');
    expect(await sourceState(origin, { ...known, owner }, { byOwner: true })).toBe('alive');
    expect(await sourceState(origin, { ...known, owner: { ...owner, startTime: '1' } })).toBe('alive');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await sourceState(origin, known)).toBe('ended');
    expect(await sourceState(origin, { ...known, boot: 'another' })).toBe('dead');
    expect(await sourceState(origin, { ...known, consented: true })).toBe('dead');
    expect(await sourceState(origin, undefined)).toBe('dead');
    expect(await sourceState(origin, { ...known, settled: 'undo' })).toBe('undone');
  });
});
