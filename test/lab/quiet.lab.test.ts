import { beforeAll, describe, expect, it } from 'vitest';
import { installGuest, runGuest } from './support/guest.js';
import { useSweptLab } from './support/hooks.js';
import { FAST_LINK } from './support/pace.js';
import { absentPartner, quietPeerPosts } from './support/quiet.js';

describe('a peer that posts while its partner is on no host', () => {
  useSweptLab();

  it('waits for it: the address is there already, the QP is not', async () => {
    const naks = await quietPeerPosts('floating');
    expect(naks.map(({ source }) => source)).toContain('10.0.1.7');
  });

  it('gets an ordinary error when it never comes', () => absentPartner());
});

describe('how long a QP waits', () => {
  useSweptLab(FAST_LINK);
  beforeAll(installGuest);

  it('and who answers for one that is nowhere', () => runGuest('hold.test.mjs', { least: 10 }));
});
