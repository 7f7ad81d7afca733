import { describe, it } from 'vitest';
import { useSweptLab } from './support/hooks.js';
import { runMigration } from './support/perftest.js';

describe('an unmodified perftest moves in mid-transfer', () => {
  useSweptLab();

  it.each([
    { tool: 'ib_write_bw', args: [], moving: 'client', address: 'changed', size: 8192 },
    { tool: 'ib_atomic_bw', args: [], moving: 'server', address: 'floating' },
  ] as const)('$tool $args, $size bytes, $qps QPs: $moving, $address address', async (options) => {
    await runMigration({ ...options, args: [...options.args], from: 'a', to: 'b', peer: 'c' });
  });
});
