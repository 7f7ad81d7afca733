import { describe, expect, it } from 'vitest';
import { useSweptLab } from './support/hooks.js';
import { MOVING_IP } from './support/lab.js';
import { quietPeerWaits } from './support/quiet.js';
import { counter, isStock, useStockPeer } from './support/stock.js';

describe('a peer on the stock module', () => {
  useSweptLab();
  useStockPeer();

  it('posts while its partner is on no host, and loses nothing', async () => {
    const before = await counter('rcvd_rnr_err');
    expect(await quietPeerWaits('floating')).toEqual([MOVING_IP]);
    expect(await counter('rcvd_rnr_err')).toBeGreaterThan(before);
    expect(await isStock()).toBe(true);
  });
});
