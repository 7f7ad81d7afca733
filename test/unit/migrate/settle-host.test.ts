import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Journal, type JournalEntry, readJournal } from '../../../src/migrate/journal.js';
import { destinationState } from '../../../src/migrate/lookup.js';
import { settleDestination, settleSource } from '../../../src/migrate/settle-host.js';
import { bootId, livingTasks, taskId, ticksNow } from '../../../src/migrate/task-id.js';

let scratch: string;
let directory: string;
let copy: ChildProcess;
let pid: number;

beforeEach(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'roam-settle-'));
  directory = path.join(scratch, 'state');
});
afterEach(async () => {
  copy?.kill('SIGKILL');
  await rm(scratch, { recursive: true });
});

const stateOf = async () => /\) (\w)/.exec(await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''))?.[1];

async function stopped(wanted: boolean): Promise<void> {
  while (((await stateOf()) === 'T') !== wanted) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** A stopped process stands for the copy: without RDMA, that is what a restore leaves. */
async function begin(fields: Partial<JournalEntry> = {}): Promise<JournalEntry> {
  const since = await ticksNow();
  copy = spawn('sleep', ['60']);
  pid = copy.pid as number;
  copy.kill('SIGSTOP');
  await stopped(true);
  const boot = await bootId();
  const dir = path.join(scratch, 'images');
  await mkdir(dir);
  const entry: JournalEntry = {
    id: 'roam-a-1-x',
    role: 'destination',
    boot,
    other: { hosts: [], ssh: [], roam: [], criu: 'criu' },
    dir,
    phase: 'restore',
    origin: {
      hostname: 'a',
      boot: 'another',
      root: { pid, startTime: '1' },
      pids: [pid],
      stopped: [],
      contexts: 0,
    },
    since,
    pids: [pid],
    copy: await livingTasks([pid]),
    ...fields,
  };
  await Journal.create(entry, directory);
  return entry;
}

describe('what is found of a copy', () => {
  it('whole, running, ended', async () => {
    const entry = await begin();
    expect(await destinationState(entry)).toBe('whole');
    expect(await destinationState(undefined)).toBe('absent');
    expect(await destinationState({ ...entry, boot: 'before' })).toBe('absent');
    expect(await destinationState({ ...entry, owner: await taskId(process.pid) })).toBe('busy');
    copy.kill('SIGCONT');
    await stopped(false);
    expect(await destinationState(entry)).toBe('running');
    // Its owner, through whom it would come, is gone.
    expect(await destinationState({ ...entry, resumed: true })).toBe('running');
    expect(await destinationState({ ...entry, resumed: true, lazy: true })).toBe('partial');
    copy.kill('SIGKILL');
    await once(copy, 'exit');
    expect(await destinationState(entry)).toBe('absent');
  });

  it('partial: not all of it, or a restore that did not end', async () => {
    const entry = await begin();
    const { copy: known, ...unknown } = entry;
    expect(await destinationState(unknown)).toBe('partial');
    expect(await destinationState({ ...entry, copy: [...(known ?? []), { pid: 1, startTime: '-' }] })).toBe(
      'partial',
    );
    expect(await destinationState({ ...entry, origin: { ...entry.origin, contexts: 1 } })).toBe('partial');
    // What had the number before is nobody's copy.
    const later = String(Number(await ticksNow()) + 100);
    expect(await destinationState({ ...unknown, since: later })).toBe('absent');
  });
});

describe('a copy', () => {
  it('is let go, and its backups and images go', async () => {
    const file = path.join(scratch, 'log');
    await writeFile(`${file}.roam-a-1-x.old`, 'before');
    await writeFile(file, 'carried');
    const entry = await begin({ files: [{ path: file, existed: true }] });
    expect(await settleDestination(entry, 'finish', { directory })).toEqual([]);
    await stopped(false);
    expect(await readFile(file, 'utf8')).toBe('carried');
    expect((await readdir(scratch)).sort()).toEqual(['log', 'state']);
    expect(await readdir(directory)).toEqual([]);
  });

  it('is killed, and files return', async () => {
    const [old, added] = [path.join(scratch, 'old'), path.join(scratch, 'added')];
    await writeFile(`${old}.roam-a-1-x.old`, 'before');
    for (const file of [old, added, `${added}.roam-a-1-x.new`]) await writeFile(file, 'carried');
    const entry = await begin({
      files: [
        { path: old, existed: true },
        { path: added, existed: false },
      ],
    });
    const exit = once(copy, 'exit');
    expect(await settleDestination(entry, 'undo', { directory })).toEqual([]);
    expect((await exit)[1]).toBe('SIGKILL');
    expect(await readFile(old, 'utf8')).toBe('before');
    expect((await readdir(scratch)).sort()).toEqual(['old', 'state']);
  });

  it('is not killed once it was let go, whatever is asked later', async () => {
    const entry = await begin();
    expect(await settleDestination(entry, 'finish', { directory, keep: true })).toEqual([]);
    const kept = (await readJournal(entry.id, directory)) as JournalEntry;
    expect(kept).toMatchObject({ settled: 'finish', resumed: true });
    await settleDestination(kept, 'undo', { directory });
    expect(await stateOf()).not.toBe('T');
    expect(copy.signalCode).toBeNull();
  });
});

describe('the source', () => {
  it('is put right once, and remembers that until the other side knows', async () => {
    const entry = { ...(await begin()), role: 'source' as const };
    expect(await settleSource(entry, 'undo', { directory, keep: true })).toEqual([]);
    const kept = (await readJournal(entry.id, directory)) as JournalEntry;
    expect(kept).toMatchObject({ settled: 'undo', cleared: true });
    expect((await readdir(scratch)).sort()).toEqual(['state']);
    await settleSource(kept, 'undo', { directory });
    expect(await readdir(directory)).toEqual([]);
  });
});
