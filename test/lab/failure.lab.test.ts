import { describe, expect, it } from 'vitest';
import { useSweptLab } from './support/hooks.js';
import { type NodeName, node, script, workload } from './support/lab.js';
import { isAlive, migrateFails } from './support/migrate.js';
import { whenImagesArrive } from './support/sabotage.js';
import { goodVerdicts, progresses, signal, startWorkload, type Workload } from './support/verdict.js';

const PLUGIN = '/usr/lib/criu/roam_rdma_plugin.so';

async function startTraffic(serverPrelude?: string): Promise<Workload> {
  const test = await startWorkload({
    server: 'a',
    client: 'c',
    moving: 'server',
    address: 'changed',
    args: ['--events'],
    ...(serverPrelude ? { serverPrelude } : {}),
  });
  await progresses(test.stayer);
  return test;
}

async function qpStates(name: NodeName): Promise<Record<string, string>> {
  const { stdout } = await (await node(name)).exec(['roam', 'qps', '--json'], { timeout: 30_000 });
  const rows = JSON.parse(stdout) as { qpn: number; pid: number; migrationState: string }[];
  return Object.fromEntries(
    rows.filter(({ pid }) => pid > 0).map(({ qpn, migrationState }) => [qpn, migrationState]),
  );
}

/** The source runs as if nothing had happened: same process, traffic, no QP stopped, a good verdict at the end. */
async function runsOn(test: Workload): Promise<void> {
  expect(await isAlive('a', test.mover.pid)).toBe(true);
  await progresses(test.mover);
  await progresses(test.stayer);
  for (const name of ['a', 'c'] as const) expect(Object.values(await qpStates(name))).toEqual(['running']);
  expect(await script('b', 'ls -d /dev/shm/roam-* /run/roam-* /var/tmp/roam-* 2>/dev/null || true')).toBe('');
  expect(await isAlive('b', test.mover.pid)).toBe(false);
  await signal(test.mover, 'USR1');
  await goodVerdicts(test);
}

describe('a move that fails leaves the source running and its peers served', () => {
  useSweptLab();

  it('transfer: the destination has no room left', async () => {
    const test = await startTraffic();
    const sabotage = await whenImagesArrive(
      'b',
      'mount -o remount,size=64k /dev/shm',
      'mount -o remount,size=50% /dev/shm',
    );
    const error = await migrateFails('a', test.mover.pid, { to: 'b' });
    await sabotage.undo();
    expect(error.phase).toBe('transfer');
    expect(error.message).toMatch(/no space/i);
    await runsOn(test);
  });

  it("restore: CRIU's plugin is gone", async () => {
    const test = await startTraffic();
    const sabotage = await whenImagesArrive(
      'b',
      `mv ${PLUGIN} /root/plugin.so`,
      `mv /root/plugin.so ${PLUGIN}`,
    );
    const error = await migrateFails('a', test.mover.pid, { to: 'b' });
    await sabotage.undo();
    expect(error.phase).toBe('restore');
    expect(error.message).not.toBe('');
    await runsOn(test);
  });

  it('restore: the QP number was taken in the meantime', async () => {
    const test = await startTraffic();
    const qpn = Number(Object.keys(await qpStates('a'))[0]);
    // The next QP at the destination gets the number that the moving one has.
    const take = `echo ${qpn - 1} >/proc/sys/net/rdma_rxe/last_qpn; setsid ${workload('unsupported')} uc >/root/taker.out 2>&1 </dev/null &
      until grep -q running /root/taker.out; do sleep 0.1; done`;
    const sabotage = await whenImagesArrive(
      'b',
      take,
      'kill -USR1 $(pidof unsupported); echo 8192 >/proc/sys/net/rdma_rxe/last_qpn',
    );
    const error = await migrateFails('a', test.mover.pid, { to: 'b' });
    await sabotage.undo();
    expect(error.phase).toBe('restore');
    expect(error.message).toContain(String(qpn));
    await runsOn(test);
  });

  it('the agent at the destination dies', async () => {
    const test = await startTraffic();
    const kill =
      'for pid in $(pgrep -f "roam agent|scripts/roam.mjs agent"); do [ $pid != $$ ] && kill -9 $pid; done';
    const sabotage = await whenImagesArrive('b', kill, 'rm -rf /dev/shm/roam-*');
    const error = await migrateFails('a', test.mover.pid, { to: 'b' });
    await sabotage.undo();
    expect(['transfer', 'restore', 'verify']).toContain(error.phase);
    await runsOn(test);
  });

  it('dump: a descriptor that CRIU cannot dump', async () => {
    const test = await startTraffic('exec 7</dev/kmsg');
    const error = await migrateFails('a', test.mover.pid, { to: 'b' });
    expect(error.phase).toBe('dump');
    expect(error.message).toMatch(/1:11|kmsg/);
    await runsOn(test);
  });
});

describe('what cannot move is refused by name before anything stops', () => {
  useSweptLab();

  it.each([
    ['ud', /UD/],
    ['uc', /UC/],
    ['srq', /SRQ/],
    ['mw', /MW/],
    ['ah', /AH/],
  ] as const)('%s', async (kind, name) => {
    const pid = await (await node('a')).start([workload('unsupported'), kind], {
      log: '/root/unsupported.out',
    });
    await script('a', 'until grep -q ^running /root/unsupported.out; do sleep 0.1; done');
    const error = await migrateFails('a', pid, { to: 'b' });
    expect(error.phase).toBe('preflight');
    expect(error.message).toMatch(name);
    expect(await isAlive('a', pid)).toBe(true);
    await script('a', 'kill -USR1 "$1"; until grep -q ^{ /root/unsupported.out; do sleep 0.1; done', [
      String(pid),
    ]);
    expect(JSON.parse((await script('a', 'grep ^{ /root/unsupported.out')) || '{}')).toMatchObject({
      ok: true,
      kind,
    });
  });

  it('a destination without our module', async () => {
    const test = await startTraffic();
    await script('b', 'sh /usr/lib/roam/guest/load-rxe stock');
    try {
      const error = await migrateFails('a', test.mover.pid, { to: 'b' });
      expect(error.phase).toBe('preflight');
      expect(error.message).toMatch(/rdma_rxe cannot migrate/);
    } finally {
      await script('b', 'sh /usr/lib/roam/guest/load-rxe roam');
    }
    await runsOn(test);
  });

  it('a destination that cannot be reached, and a process that is not there', async () => {
    const test = await startTraffic();
    const unreachable = await migrateFails('a', test.mover.pid, { to: 'nowhere' as NodeName });
    expect(unreachable.phase).toBe('preflight');
    expect(unreachable.message).toMatch(/nowhere/);
    const absent = await migrateFails('a', 999_999, { to: 'b' });
    expect(absent.message).toMatch(/999999/);
    await runsOn(test);
  });
});
