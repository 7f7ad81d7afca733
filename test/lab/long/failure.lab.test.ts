import { describe, expect, it } from 'vitest';
import { useSweptLab } from '../support/hooks.js';
import { type NodeName, workload } from '../support/lab.js';
import { migrateFails } from '../support/migrate.js';
import { whenImagesArrive } from '../support/sabotage.js';
import { qpStates, runsOn, startTraffic } from '../support/traffic.js';

const PLUGIN = '/usr/lib/criu/roam_rdma_plugin.so';

describe('a move that fails, in rarer ways', () => {
  useSweptLab();

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
    const sabotage = await whenImagesArrive('b', kill, 'true');
    const error = await migrateFails('a', test.mover.pid, { to: 'b' });
    await sabotage.undo();
    expect(['transfer', 'restore', 'verify']).toContain(error.phase);
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
