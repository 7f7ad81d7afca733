import { beforeAll, describe, expect, it } from 'vitest';
import { installGuest, runGuest } from './support/guest.js';
import { useSweptLab } from './support/hooks.js';
import { MOVING_IP, script } from './support/lab.js';
import { FAST_LINK } from './support/pace.js';
import { quietPeerWaits } from './support/quiet.js';

describe('a peer that posts while its partner is on no host', () => {
  useSweptLab();

  it('waits for it: the address is there already, the QP is not', async () => {
    expect(await quietPeerWaits('floating')).toEqual([MOVING_IP]);
  });
});

describe('how long a QP waits', () => {
  useSweptLab(FAST_LINK);
  beforeAll(async () => {
    await installGuest();
    // Moves leave reservations at their source, for a while.
    await script('a', 'sh /usr/lib/roam/guest/load-rxe roam');
  });

  it('and who answers for one that is nowhere', () => runGuest('hold.test.mjs', { least: 10 }));
});
