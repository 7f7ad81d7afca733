import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { useSweptLab } from '../support/hooks.js';
import { inAllNodes, MOVING_IP, script } from '../support/lab.js';
import { isAlive, migrate } from '../support/migrate.js';
import {
  checksOfHpl,
  daemonOn,
  endJobs,
  goesOn,
  HEAT,
  labWithMpi,
  printed,
  prints,
  received,
  rightAnswer,
  startJob,
  summaryOfHpcc,
} from '../support/mpi.js';
import { FAST_LINK } from '../support/pace.js';

/** An emulated machine that is busy is slow, and polling ranks keep their processors busy. */
const SLOW_MOVE = 900_000;
/** Packets by which a block of `heat` comes: 20000 numbers of 4 bytes, 1024 bytes each. */
const PACKETS_PER_ROUND = 79;

let end: (() => Promise<void>) | undefined;
beforeAll(async () => {
  end = await labWithMpi();
});
afterAll(() => end?.());

describe('a job of Open MPI over verbs', () => {
  vi.setConfig({ testTimeout: 1_800_000 });
  useSweptLab();
  // Before the look at what is left.
  afterEach(endJobs);

  it('computes the right answer on two nodes, and speaks by RDMA alone', async () => {
    const before = [await received('a'), await received('b')];
    await startJob(`${HEAT} /root/mpi/stop 100`);
    await prints('^round 20$');
    const rounds = await rightAnswer();
    expect(rounds).toBeGreaterThan(20);
    const text = await printed();
    expect(text.match(/inter-node cfg#\d+ tag\(rc_verbs\/rxe0:1\)/g), text).toHaveLength(2);
    for (const [i, on] of (['a', 'b'] as const).entries())
      expect((await received(on)) - (before[i] as number), `packets on ${on}`).toBeGreaterThan(
        rounds * PACKETS_PER_ROUND,
      );
  });

  it('passes every check of the HPC Challenge', async () => {
    // It sends megabytes, and moves nowhere.
    await inAllNodes(FAST_LINK);
    const before = await received('b');
    await startJob('hpcc');
    await prints('^mpirun: exit code 0$', 1_200_000);
    expect(await summaryOfHpcc()).toMatchObject({ Success: '1', CommWorldProcs: '2' });
    expect(await checksOfHpl('PASSED')).toBeGreaterThan(0);
    expect(await checksOfHpl('FAILED')).toBe(0);
    expect(await printed()).toMatch(/inter-node cfg#\d+ tag\(rc_verbs\/rxe0:1\)/);
    expect((await received('b')) - before).toBeGreaterThan(1000);
  });

  it('goes on and computes the right answer when a rank is moved with its daemon', async () => {
    await inAllNodes('echo 600000 >/proc/sys/net/rdma_rxe/max_hold_ms');
    await startJob(`${HEAT} /root/mpi/stop 1000`);
    await prints('^round 10$');
    const daemon = await daemonOn('b');
    const report = await migrate('b', daemon, {
      to: 'c',
      ip: `${MOVING_IP}/24`,
      extra: ['--max-hold', '600'],
      timeout: SLOW_MOVE,
    });
    expect(report.objects.qp?.length).toBeGreaterThanOrEqual(3);
    expect(await isAlive('b', daemon)).toBe(false);
    expect(await isAlive('c', daemon)).toBe(true);
    expect(await script('b', 'pidof prted heat; true')).toBe('');
    expect(await script('c', 'rdma resource show srq')).toContain('comm heat');
    expect(await script('c', `ps --ppid ${daemon} -o comm=`)).toBe('heat');
    const before = await received('c');
    // What is printed is some rounds late on a busy node.
    await goesOn(30);
    expect((await received('c')) - before).toBeGreaterThan(19 * PACKETS_PER_ROUND);
    await rightAnswer();
  });
});
