import { describe, it } from 'vitest';
import { useSweptLab } from './support/hooks.js';
import { runMigration } from './support/perftest.js';

describe('an unmodified perftest moves in mid-transfer', () => {
  useSweptLab();

  it.each([
    { tool: 'ib_send_bw', args: ['-b', '-e'], moving: 'client', address: 'floating', size: 8192, qps: 16 },
    { tool: 'ib_write_bw', args: [], moving: 'client', address: 'changed', size: 8192 },
    { tool: 'ib_read_bw', args: ['-e'], moving: 'server', address: 'changed', size: 8192, qps: 16 },
    { tool: 'ib_atomic_bw', args: [], moving: 'server', address: 'floating' },
    { tool: 'ib_send_lat', args: [], moving: 'server', address: 'changed', size: 2 },
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
      from: 'a',
      to: 'c',
      peer: 'c',
    });
  });
});
