import { describe, expect, it } from 'vitest';
import { useSweptLab } from '../support/hooks.js';
import { dataFlows, MOVING_IP, type NodeName } from '../support/lab.js';
import { migrate } from '../support/migrate.js';
import { finishPerftest, itMoves, startPerftest } from '../support/perftest.js';

describe('an unmodified perftest moves in mid-transfer, and again', () => {
  useSweptLab();

  it('there and back ten times in one run', { timeout: 2_400_000 }, async () => {
    const test = await startPerftest({
      tool: 'ib_send_bw',
      args: ['-b'],
      size: 8192,
      seconds: 1000,
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
    await finishPerftest(test, at, 800_000);
  });
});

describe('an unmodified perftest moves in mid-transfer', () => {
  useSweptLab();

  itMoves([
    { tool: 'ib_send_bw', moving: 'server', address: 'floating', size: 2 },
    // perftest's alarm after 60 s ends the select(2) of one that receives, moved or not: it has to be done by then.
    {
      tool: 'ib_send_bw',
      args: ['-b', '-e'],
      moving: 'client',
      address: 'floating',
      size: 8192,
      seconds: 45,
    },
    { tool: 'ib_send_lat', moving: 'server', address: 'changed', size: 2 },
    { tool: 'ib_send_lat', args: ['-e'], moving: 'client', address: 'floating', size: 8192 },
    { tool: 'ib_read_bw', args: ['-b', '-e'], moving: 'client', address: 'floating', size: 8192 },
    { tool: 'ib_write_bw', moving: 'server', address: 'floating', size: 1048576 },
    { tool: 'ib_atomic_bw', moving: 'server', address: 'floating' },
    { tool: 'ib_atomic_bw', args: ['-e'], moving: 'client', address: 'changed' },
    { tool: 'ib_write_bw', moving: 'client', address: 'changed', size: 8192 },
    { tool: 'ib_read_bw', moving: 'client', address: 'changed', size: 1048576 },
    { tool: 'ib_read_bw', args: ['-e'], moving: 'server', address: 'changed', size: 8192, qps: 16 },
  ]);
});
