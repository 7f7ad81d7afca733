import { afterAll, describe, it } from 'vitest';
import { CELLS, FAULT_NAMES } from '../support/fault-kinds.js';
import { keyOf, print, record } from '../support/fault-table.js';
import { Victim } from '../support/faults.js';
import { useSweptLabOnce } from '../support/hooks.js';
import { inAllNodes, sweep } from '../support/lab.js';
import { pacedLink } from '../support/pace.js';

const CLEAR = `pkill -9 -x criu; pkill -9 -f '[r]oam (agent|migrate)|[r]oam.mjs|[r]oam-guard'
rm -rf /dev/shm/roam-* /var/tmp/roam-* /run/roam-* /var/lib/roam/*
for table in $(nft list tables | grep -iE 'roam|criu' | cut -d' ' -f3); do nft delete table inet $table; done; true`;

afterAll(print);

describe.each(FAULT_NAMES)('a migration that is broken off: %s', (fault) => {
  useSweptLabOnce();
  let victim: Victim | undefined;
  const seen = new Map<string, string>();

  it.each(CELLS.filter((cell) => cell.fault === fault))('$phase / $fault', async ({ phase }) => {
    const key = keyOf(phase, fault);
    try {
      victim ??= await Victim.start();
      const outcome = await victim.breakOff(phase, fault);
      seen.set(key, outcome);
      console.log(`${key}: ${outcome}`);
    } catch (error) {
      // At once: the report comes when all cells have been seen.
      console.log(`${key}: FAILED: ${(error as Error).message}`);
      // The next one begins with another program; what this one has seen stays without a verdict.
      victim = undefined;
      seen.clear();
      await record(key, 'FAILED');
      await sweep(pacedLink());
      // What is left is told; it must not make the cells fail that come after it.
      await inAllNodes(CLEAR);
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
