import { describe, expect, it } from 'vitest';
import { useSweptLab } from '../support/hooks.js';
import { dataFlows, MOVING_IP, type NodeName } from '../support/lab.js';
import { migrate } from '../support/migrate.js';
import { finishPerftest, runMigration, startPerftest } from '../support/perftest.js';

const MIB = 1048576;

describe('an unmodified perftest moves in mid-transfer: more of them', () => {
  useSweptLab();

  it.each([
    { tool: 'ib_send_bw', args: ['-b', '-e'], moving: 'client', address: 'floating', size: 8192, qps: 16 },
    { tool: 'ib_send_bw', args: [], moving: 'server', address: 'floating', size: 2 },
    { tool: 'ib_send_lat', args: [], moving: 'server', address: 'changed', size: 2 },
    { tool: 'ib_write_bw', args: [], moving: 'server', address: 'floating', size: MIB },
    { tool: 'ib_write_bw', args: ['-b'], moving: 'client', address: 'floating', size: 2, qps: 16 },
    { tool: 'ib_read_bw', args: [], moving: 'client', address: 'changed', size: MIB },
    { tool: 'ib_read_bw', args: ['-e'], moving: 'server', address: 'changed', size: 8192, qps: 16 },
    { tool: 'ib_atomic_bw', args: ['-e'], moving: 'client', address: 'changed' },
    { tool: 'ib_send_lat', args: ['-e'], moving: 'client', address: 'floating', size: 8192 },
    { tool: 'ib_send_bw', args: ['-b'], moving: 'server', address: 'changed', size: 65536 },
  ] as const)('$tool $args, $size bytes, $qps QPs: $moving, $address address', async (options) => {
    await runMigration({ ...options, args: [...options.args], from: 'a', to: 'b', peer: 'c' });
  });

  it('two nodes: the server moves to the host of its client', async () => {
    await runMigration({
      tool: 'ib_send_bw',
      args: ['-b'],
      moving: 'server',
      address: 'changed',
      size: 8192,
      // Both nodes of the move poll. What is left then is done at once.
      seconds: 90,
      from: 'a',
      to: 'c',
      peer: 'c',
    });
  });

  it('there and back ten times in one run', { timeout: 1_800_000 }, async () => {
    const test = await startPerftest({
      tool: 'ib_send_bw',
      args: ['-b'],
      size: 8192,
      seconds: 1500,
      server: 'a',
      client: 'c',
      moving: 'server',
      address: 'changed',
    });
    let at: NodeName = 'a';
    for (let round = 1; round <= 20; round++) {
      const to: NodeName = at === 'a' ? 'b' : 'a';
      const report = await migrate(at, test.pid, { to, ip: `${MOVING_IP}/24` });
      expect(report.objects.qp, `move ${round}`).toHaveLength(1);
      await dataFlows(to, 50);
      at = to;
    }
    await finishPerftest(test, at, 200_000);
  });
});
