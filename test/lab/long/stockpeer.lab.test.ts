import { describe, expect, it } from 'vitest';
import { useSweptLab } from '../support/hooks.js';
import { MOVING_IP } from '../support/lab.js';
import { migrateFails } from '../support/migrate.js';
import { itMoves } from '../support/perftest.js';
import { counter, installRefusingCriu, isStock, REFUSING_CRIU, useStockPeer } from '../support/stock.js';
import { goodVerdicts, move, progresses, signal, startWorkload } from '../support/verdict.js';

/**
 * A move makes the peer send again, and there the stock module has faults of its own, moved partner or not: a fenced
 * request with READs behind it waits for ever (0008), and a READ after a request of no bytes ends in an error (0006).
 */
const SPARED = ['--no-fence', '--no-empty'];

describe('a peer on the stock module', () => {
  useSweptLab();
  useStockPeer();

  it.each([
    { moving: 'server', args: ['--events', '--rate', '20'] },
    { moving: 'client', args: ['--events', '--rate', '20', '-q', '4'] },
    { moving: 'server', args: ['--events', '--rate', '5', '-s', '65536'] },
  ] as const)('keeps its connection while the $moving moves: $args', async ({ moving, args }) => {
    const [server, client] = moving === 'server' ? (['a', 'c'] as const) : (['c', 'a'] as const);
    const test = await startWorkload({
      server,
      client,
      moving,
      address: 'floating',
      args: [...args, ...SPARED],
    });
    await progresses(test.stayer, 10);
    await move(test, 'b');
    await progresses(test.mover, 10);
    await move(test, 'a');
    await progresses(test.mover, 10);
    await signal(test.mover, 'USR1');
    const { mover } = await goodVerdicts(test);
    expect(Object.values(mover.ops).every((n) => n > 0)).toBe(true);
    expect(await isStock()).toBe(true);
  });

  it('keeps it when the move is rolled back', async () => {
    await installRefusingCriu();
    const test = await startWorkload({
      server: 'a',
      client: 'c',
      moving: 'server',
      address: 'floating',
      args: ['--events', '--rate', '20', ...SPARED],
    });
    await progresses(test.stayer, 10);
    const before = await counter('rcvd_rnr_err');
    const failure = await migrateFails('a', test.mover.pid, {
      to: 'b',
      ip: `${MOVING_IP}/24`,
      extra: ['--criu', REFUSING_CRIU],
    });
    expect(failure.phase).toBe('restore');
    expect(await counter('rcvd_rnr_err')).toBeGreaterThan(before);
    await progresses(test.mover, 10);
    await signal(test.mover, 'USR1');
    await goodVerdicts(test);
  });

  itMoves([
    { tool: 'ib_send_bw', moving: 'server', address: 'floating', size: 8192 },
    { tool: 'ib_write_bw', moving: 'server', address: 'floating', size: 65536 },
    { tool: 'ib_read_bw', moving: 'server', address: 'floating', size: 8192 },
    { tool: 'ib_atomic_bw', moving: 'server', address: 'floating' },
    { tool: 'ib_send_bw', moving: 'client', address: 'floating', size: 8192 },
  ]);
});
