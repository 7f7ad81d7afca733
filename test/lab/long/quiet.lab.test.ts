import { describe, expect, it } from 'vitest';
import { useSweptLab } from '../support/hooks.js';
import { quietPeerIsLost, quietPeerWaits } from '../support/quiet.js';

describe('a peer that posts while its partner is on no host', () => {
  useSweptLab();

  it('is told to wait by the source when the address changes', async () => {
    expect(await quietPeerWaits('changed')).toEqual(['10.77.0.1']);
  });

  it('loses it when nobody answers', () => quietPeerIsLost());
});
