// Whether a process is held still, asked of processes that are: a tracer stands for CRIU.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { demandHeld, letRun, stopWhenLetGo } from '../../src/migrate/held.js';
import { readTask } from '../../src/migrate/proc.js';

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** PTRACE_SEIZE and PTRACE_INTERRUPT, as CRIU does it. */
const SEIZE = `import ctypes, os, sys, time
libc, pid = ctypes.CDLL(None, use_errno=True), int(sys.argv[1])
for request in 0x4206, 0x4207:
    assert libc.ptrace(request, pid, None, None) == 0, ctypes.get_errno()
os.waitpid(pid, 0x40000000)
print("seized", flush=True); time.sleep(600)`;

function start(file: string, args: string[]): ChildProcess {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  return child;
}

async function held(): Promise<{ pid: number; process: ChildProcess; tracer: ChildProcess }> {
  const process = start('sleep', ['600']);
  const pid = process.pid as number;
  const tracer = start('python3', ['-c', SEIZE, String(pid)]);
  await once(tracer.stdout as NonNullable<ChildProcess['stdout']>, 'data');
  return { pid, process, tracer };
}

describe('a process in the freeze', () => {
  it('is held as long as its tracer is there, and let go of without', async () => {
    const { pid, tracer } = await held();
    await demandHeld(pid);
    tracer.kill('SIGKILL');
    await once(tracer, 'exit');
    await expect(demandHeld(pid)).rejects.toMatchObject({
      code: 'CRIU_DIED',
      message: /let go of process \d+$/,
    });
  });

  it('stops when it is let go of, until it is let run', async () => {
    const { pid, tracer } = await held();
    stopWhenLetGo([pid], []);
    await demandHeld(pid);
    tracer.kill('SIGKILL');
    await once(tracer, 'exit');
    await vi.waitUntil(async () => (await readTask(pid)).state === 'T');
    letRun([pid], []);
    await vi.waitUntil(async () => (await readTask(pid)).state === 'S');
  });

  it('does not stop when it is let run before', async () => {
    const { pid, tracer } = await held();
    stopWhenLetGo([pid], []);
    letRun([pid], []);
    tracer.kill('SIGKILL');
    await once(tracer, 'exit');
    const states = new Set<string>();
    for (let n = 0; n < 20; n++, await sleep(5)) states.add((await readTask(pid)).state);
    expect(states).not.toContain('T');
  });

  it('ends by a kill with a stop signal waiting, as CRIU ends it', async () => {
    const { pid, process, tracer } = await held();
    stopWhenLetGo([pid], []);
    process.kill('SIGKILL');
    // Until its tracer is gone, which does not ask for it here, it is a zombie.
    tracer.kill('SIGKILL');
    const [, signal] = await once(process, 'exit');
    expect(signal).toBe('SIGKILL');
  });

  it('stays stopped when somebody else has stopped it', async () => {
    const process = start('sleep', ['600']);
    const pid = process.pid as number;
    process.kill('SIGSTOP');
    await vi.waitUntil(async () => (await readTask(pid)).state === 'T');
    stopWhenLetGo([pid], [pid]);
    letRun([pid], [pid]);
    await sleep(50);
    expect((await readTask(pid)).state).toBe('T');
  });

  it('is not held when it has ended, whoever ended it', async () => {
    const { pid, process, tracer } = await held();
    tracer.kill('SIGKILL');
    await once(tracer, 'exit');
    process.kill('SIGKILL');
    await once(process, 'exit');
    await expect(demandHeld(pid)).rejects.toMatchObject({ code: 'CRIU_DIED', message: /ended since/ });
  });

  it('is not held when it was killed in the hands of its tracer', async () => {
    const { pid, process } = await held();
    process.kill('SIGKILL');
    // It is a zombie of its tracer then, or on the way there.
    await expect(demandHeld(pid)).rejects.toMatchObject({ code: 'CRIU_DIED' });
  });
});
