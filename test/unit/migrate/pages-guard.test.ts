import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { PagesGuard } from '../../../src/migrate/agent/pages-guard.js';
import { isThere, taskId } from '../../../src/migrate/task-id.js';

const children: ReturnType<typeof spawn>[] = [];
afterEach(() => {
  for (const child of children.splice(0))
    try {
      process.kill(-(child.pid as number), 'SIGKILL');
    } catch {}
});

/** A process that has forked one. */
async function family() {
  const child = spawn('sh', ['-c', 'sleep 60 & echo $!; wait'], {
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  children.push(child);
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  return { parent: await taskId(child.pid as number), forked: await taskId(Number(said.toString())) };
}

describe('the guard of memory that comes later', () => {
  it('lets the processes be when all of it has come', async () => {
    const { parent, forked } = await family();
    const guard = await PagesGuard.start([parent], []);
    await guard.release(true);
    await guard.release(false);
    expect([await isThere(parent), await isThere(forked)]).toEqual([true, true]);
  });

  it('kills them, and what they forked, when it does not come', async () => {
    const { parent, forked } = await family();
    await (await PagesGuard.start([parent], [])).release(false);
    // A signal that is sent keeps them from running on; their end takes a moment.
    await vi.waitFor(async () => {
      expect([await isThere(parent), await isThere(forked)]).toEqual([false, false]);
    }, 5000);
  });

  it('kills nobody who got the number later', async () => {
    const { parent } = await family();
    await (await PagesGuard.start([{ ...parent, startTime: '1' }], [])).release(false);
    expect(await isThere(parent)).toBe(true);
  });
});
