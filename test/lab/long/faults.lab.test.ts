import { afterAll, describe, it } from 'vitest';
import { keyOf, print, record } from '../support/fault-table.js';
import { CELLS, faultCell } from '../support/faults.js';
import { useSweptLab } from '../support/hooks.js';

describe('a migration that is broken off', () => {
  useSweptLab();
  afterAll(print);

  it.each(CELLS)('$phase / $fault', async ({ phase, fault }) => {
    const key = keyOf(phase, fault);
    try {
      const { at } = await faultCell(phase, fault);
      await record(key, at === 'a' ? 'stays' : 'moves');
    } catch (error) {
      await record(key, 'FAILED');
      throw error;
    }
  });
});
