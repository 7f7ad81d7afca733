import { afterAll, describe, it } from 'vitest';
import { keyOf, print, record } from '../support/fault-table.js';
import { CELLS, FAULT_NAMES, Victim } from '../support/faults.js';
import { useSweptLabOnce } from '../support/hooks.js';
import { sweep } from '../support/lab.js';
import { pacedLink } from '../support/pace.js';

afterAll(print);

describe.each(FAULT_NAMES)('a migration that is broken off: %s', (fault) => {
  useSweptLabOnce();
  let victim: Victim | undefined;
  const seen = new Map<string, string>();

  it.each(CELLS.filter((cell) => cell.fault === fault))('$phase / $fault', async ({ phase }) => {
    const key = keyOf(phase, fault);
    try {
      victim ??= await Victim.start();
      seen.set(key, await victim.breakOff(phase, fault));
    } catch (error) {
      // The next one begins with another program; what this one has seen stays without a verdict.
      victim = undefined;
      seen.clear();
      await record(key, 'FAILED');
      await sweep(pacedLink());
      throw error;
    }
  });

  it(`verdict / ${fault}`, async () => {
    try {
      await victim?.verdict();
    } catch (error) {
      for (const key of seen.keys()) seen.set(key, 'FAILED');
      throw error;
    } finally {
      for (const [key, outcome] of seen) await record(key, outcome);
    }
  });
});
