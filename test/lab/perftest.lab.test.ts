import { describe, it } from 'vitest';
import { useSweptLab } from './support/hooks.js';
import { itMoves, runMigration } from './support/perftest.js';

describe('an unmodified perftest moves in mid-transfer', () => {
  useSweptLab();

  // More of them are among the long tests.
  itMoves([
    { tool: 'ib_send_bw', args: ['-b'], moving: 'server', address: 'changed', size: 65536 },
    { tool: 'ib_write_bw', args: ['-b'], moving: 'client', address: 'floating', size: 2, qps: 16 },
  ]);

  it('two nodes: the server moves to the host of its client', async () => {
    await runMigration({
      tool: 'ib_send_bw',
      args: ['-b'],
      moving: 'server',
      address: 'changed',
      size: 8192,
      from: 'a',
      to: 'c',
      peer: 'c',
    });
  });
});
