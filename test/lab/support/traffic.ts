// Traffic on one connection from a to c, and the proof that a move which failed has left it alone.
import { expect } from 'vitest';
import { type NodeName, node, script } from './lab.js';
import { isAlive } from './migrate.js';
import { goodVerdicts, progresses, signal, startWorkload, type Workload } from './verdict.js';

export async function startTraffic(serverPrelude?: string): Promise<Workload> {
  const test = await startWorkload({
    server: 'a',
    client: 'c',
    moving: 'server',
    address: 'changed',
    args: ['--events', '--rate', '100'],
    ...(serverPrelude ? { serverPrelude } : {}),
  });
  await progresses(test.stayer);
  return test;
}

export async function qpStates(name: NodeName): Promise<Record<string, string>> {
  const { stdout } = await (await node(name)).exec(['roam', 'qps', '--json'], { timeout: 30_000 });
  const rows = JSON.parse(stdout) as { qpn: number; pid: number; migrationState: string }[];
  return Object.fromEntries(
    rows.filter(({ pid }) => pid > 0).map(({ qpn, migrationState }) => [qpn, migrationState]),
  );
}

/** The source runs as if nothing had happened: same process, traffic, no QP stopped, a good verdict at the end. */
export async function runsOn(test: Workload): Promise<void> {
  expect(await isAlive('a', test.mover.pid)).toBe(true);
  await progresses(test.mover);
  await progresses(test.stayer);
  for (const name of ['a', 'c'] as const) expect(Object.values(await qpStates(name))).toEqual(['running']);
  expect(await script('b', 'ls -d /dev/shm/roam-* /run/roam-* /var/tmp/roam-* 2>/dev/null || true')).toBe('');
  expect(await isAlive('b', test.mover.pid)).toBe(false);
  await signal(test.mover, 'USR1');
  await goodVerdicts(test);
}
