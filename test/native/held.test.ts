// Whether a process is held still, asked of processes that are: a tracer stands for CRIU.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { demandHeld } from '../../src/migrate/held.js';

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** PTRACE_SEIZE, as CRIU does it. */
const SEIZE = `import ctypes, sys, time
libc = ctypes.CDLL(None, use_errno=True)
assert libc.ptrace(0x4206, int(sys.argv[1]), None, None) == 0, ctypes.get_errno()
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
  it('is held as long as its tracer is there, and runs on without', async () => {
    const { pid, tracer } = await held();
    await demandHeld(pid);
    tracer.kill('SIGKILL');
    await once(tracer, 'exit');
    await expect(demandHeld(pid)).rejects.toMatchObject({ code: 'CRIU_DIED', message: /run on$/ });
  });

  it('is not held when it has ended, whoever ended it', async () => {
    const { pid, process, tracer } = await held();
    tracer.kill('SIGKILL');
    await once(tracer, 'exit');
    process.kill('SIGKILL');
    await once(process, 'exit');
    await expect(demandHeld(pid)).rejects.toMatchObject({ code: 'CRIU_DIED', message: /ended by itself/ });
  });

  it('is not held when it was killed in the hands of its tracer', async () => {
    const { pid, process } = await held();
    process.kill('SIGKILL');
    // It is a zombie of its tracer then, or on the way there.
    await expect(demandHeld(pid)).rejects.toMatchObject({ code: 'CRIU_DIED' });
  });
});
