import { describe, expect, it } from 'vitest';
import { faultCell } from './support/faults.js';
import { useSweptLab } from './support/hooks.js';

describe('a move that is broken off comes to an end by itself', () => {
  useSweptLab();

  it('the engine is killed while the destination restores', async () => {
    expect((await faultCell('restore', 'engine killed')).at).toBe('a');
  });

  it('the agent is killed while it restores', async () => {
    expect((await faultCell('restore', 'agent killed')).at).toBe('a');
  });

  it('the engine is killed after the commit', async () => {
    expect((await faultCell('resume', 'engine killed')).at).toBe('b');
  });
});
