// `roam recover` between two hosts: mount namespaces of this machine, each with its own journals; what stands for ssh
// enters the other one. The processes are real, and have no RDMA.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JournalEntry } from '../../src/migrate/journal.js';
import { bootId, livingTasks, taskId, ticksNow } from '../../src/migrate/task-id.js';

const run = promisify(execFile);
const ROAM = path.resolve(import.meta.dirname, '../../scripts/roam.mjs');
const ID = 'roam-a-1-x';

let scratch: string;
const hosts: Record<'a' | 'b', Host> = {} as never;
const children: ChildProcess[] = [];

class Host {
  constructor(
    readonly pid: number,
    readonly ssh: string,
  ) {}

  static async start(name: string): Promise<Host> {
    const script =
      'mkdir -p /var/lib/roam && mount -t tmpfs tmpfs /var/lib/roam && echo ready && exec sleep 600';
    const child = spawn('unshare', ['--mount', 'sh', '-c', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    const ssh = path.join(scratch, `ssh-${name}`);
    // The last argument is what the login shell over there runs.
    await writeFile(
      ssh,
      `#!/bin/sh\n[ -e ${scratch}/cut ] && exit 255\nfor last; do :; done\nexec nsenter -t ${child.pid} -m sh -c "$last"\n`,
      { mode: 0o755 },
    );
    return new Host(child.pid as number, ssh);
  }

  async exec(argv: string[]): Promise<string> {
    const { stdout } = await run('nsenter', ['-t', String(this.pid), '-m', ...argv]).catch((error) => error);
    return stdout;
  }

  async remember(entry: JournalEntry): Promise<void> {
    const file = path.join(scratch, 'entry');
    await writeFile(file, JSON.stringify(entry));
    await this.exec(['cp', file, `/var/lib/roam/${entry.id}.json`]);
  }

  async recover(...flags: string[]) {
    return JSON.parse(await this.exec([process.execPath, ROAM, 'recover', ID, '--json', ...flags]))
      .migrations?.[0];
  }

  async left(): Promise<string[]> {
    const names = await this.exec(['ls', '/var/lib/roam']);
    return names.split('\n').filter(Boolean);
  }
}

async function stateOf(pid: number): Promise<string | undefined> {
  return /\) (\w)/.exec(await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''))?.[1];
}

const hasEnded = async (pid: number): Promise<boolean> => [undefined, 'Z'].includes(await stateOf(pid));

async function sleeper(): Promise<number> {
  const child = spawn('sleep', ['600']);
  children.push(child);
  return child.pid as number;
}

/**
 * A process at a, and a stopped copy of it at b, which has another number because both are of one machine. `dead`:
 * CRIU was told to end it; `ended`: it ended by itself.
 */
async function brokenOff({ source: fate }: { source: 'lives' | 'dead' | 'ended' }) {
  const original = await sleeper();
  const since = await ticksNow();
  const copy = await sleeper();
  // The original by the signal that waited for it in the freeze.
  for (const pid of [original, copy]) {
    process.kill(pid, 'SIGSTOP');
    while ((await stateOf(pid)) !== 'T') await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const boot = await bootId();
  const origin = {
    hostname: 'a',
    boot,
    root: await taskId(original),
    pids: [original],
    stopped: [],
    contexts: 0,
  };
  const side = (other: 'a' | 'b') => ({
    hosts: [other],
    ssh: [hosts[other].ssh],
    roam: [process.execPath, ROAM],
    criu: 'criu',
  });
  const images = await mkdtemp(path.join(scratch, 'images-'));
  const common = { id: ID, boot, phase: 'commit', origin };
  const consented = fate === 'dead';
  const source = { ...common, role: 'source', dir: `${images}/a`, other: side('b') } as const;
  await hosts.a.remember({ ...source, stopSignal: true, consented });
  await hosts.b.remember({
    ...common,
    role: 'destination',
    dir: images,
    other: side('a'),
    since,
    pids: [copy],
    copy: await livingTasks([copy]),
    verified: true,
  });
  if (fate !== 'lives') {
    process.kill(original, 'SIGKILL');
    while (!(await hasEnded(original))) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return { original, copy };
}

const cut = () => writeFile(path.join(scratch, 'cut'), '');
const mend = () => rm(path.join(scratch, 'cut'));

beforeEach(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'roam-recover-'));
  hosts.a = await Host.start('a');
  hosts.b = await Host.start('b');
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await rm(scratch, { recursive: true });
});

async function nothingLeft(): Promise<void> {
  expect([await hosts.a.left(), await hosts.b.left()]).toEqual([[], []]);
  expect((await readdir(scratch)).filter((name) => name.startsWith('images'))).toEqual([]);
}

describe.each(['a', 'b'] as const)('roam recover on host %s', (where) => {
  it('kills the copy of a process that lives, and lets that run', async () => {
    const { original, copy } = await brokenOff({ source: 'lives' });
    const report = await hosts[where].recover();
    expect(report).toMatchObject({
      source: 'alive',
      destination: 'whole',
      action: 'undo',
      done: true,
      warnings: [],
    });
    expect([await stateOf(original), await hasEnded(copy)]).toEqual(['S', true]);
    await nothingLeft();
  });

  it('kills the copy of one that was let go of, and has ended by itself', async () => {
    const { copy } = await brokenOff({ source: 'ended' });
    expect(await hosts[where].recover()).toMatchObject({
      source: 'ended',
      destination: 'whole',
      action: 'undo',
      done: true,
      warnings: [],
    });
    expect(await hasEnded(copy)).toBe(true);
    await nothingLeft();
  });

  it('lets the copy of a dead one go', async () => {
    const { copy } = await brokenOff({ source: 'dead' });
    expect(await hosts[where].recover('--dry-run')).toMatchObject({ action: 'finish', done: false });
    expect(await stateOf(copy)).toBe('T');
    const report = await hosts[where].recover();
    expect(report).toMatchObject({
      source: 'dead',
      destination: 'whole',
      action: 'finish',
      done: true,
      warnings: [],
    });
    expect(await stateOf(copy)).toBe('S');
    await nothingLeft();
  });
});

describe('without a way to the other host', () => {
  it('the source goes on, the copy stays stopped, and is killed even when the source has ended since', async () => {
    const { original, copy } = await brokenOff({ source: 'lives' });
    await cut();
    expect(await hosts.a.recover()).toMatchObject({ destination: 'unknown', action: 'undo', done: false });
    expect(await hosts.b.recover()).toMatchObject({ source: 'unknown', action: 'wait', done: false });
    expect([await stateOf(original), await stateOf(copy)]).toEqual(['S', 'T']);
    process.kill(original, 'SIGKILL');
    await mend();
    expect(await hosts.a.recover()).toMatchObject({ source: 'undone', action: 'undo', done: true });
    expect(await hasEnded(copy)).toBe(true);
    await nothingLeft();
  });

  it('the copy waits for a word, and goes on with it', async () => {
    const { copy } = await brokenOff({ source: 'dead' });
    await cut();
    expect(await hosts.a.recover()).toMatchObject({ source: 'dead', action: 'wait', done: false });
    const waiting = await hosts.b.recover();
    expect(waiting).toMatchObject({ action: 'wait', done: false });
    expect(waiting.remedy).toContain('--assume-source-dead');
    expect(await stateOf(copy)).toBe('T');
    expect(await hosts.b.recover('--assume-source-dead')).toMatchObject({ action: 'finish' });
    expect(await stateOf(copy)).toBe('S');
    await mend();
    expect(await hosts.a.recover()).toMatchObject({ action: 'finish', done: true });
    expect(await stateOf(copy)).toBe('S');
    await nothingLeft();
  });

  it('a wrong word is seen, and neither process is touched', async () => {
    const { original, copy } = await brokenOff({ source: 'lives' });
    await cut();
    await hosts.b.recover('--assume-source-dead');
    await mend();
    expect(await hosts.a.recover()).toMatchObject({
      action: 'wait',
      reason: expect.stringContaining('both hosts'),
    });
    expect([await stateOf(original), await stateOf(copy)]).toEqual(['T', 'S']);
  });
});
