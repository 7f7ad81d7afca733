import { describe, expect, it } from 'vitest';
import { Victim } from './support/faults.js';
import { useSweptLab } from './support/hooks.js';
import { PATIENCE } from './support/patience.js';

describe('a move that is broken off comes to an end by itself', () => {
  useSweptLab();

  // Every phase and every fault: test/lab/long/faults.lab.test.ts.
  it(
    'engine killed while the destination restores, engine killed after the commit',
    async () => {
      const victim = await Victim.start();
      expect(await victim.breakOff('restore', 'engine killed')).toBe('stays');
      expect(await victim.breakOff('resume', 'engine killed')).toBe('moves');
      await victim.verdict();
    },
    480_000 * PATIENCE,
  );
});
