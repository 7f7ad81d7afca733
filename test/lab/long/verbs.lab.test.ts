import { beforeAll, describe, it } from 'vitest';
import { installGuest, runGuest } from '../support/guest.js';
import { useSweptLab } from '../support/hooks.js';
import { FAST_LINK } from '../support/pace.js';

const flags = ['--expose-gc'];

describe('verbs for Node, for long', () => {
  useSweptLab(FAST_LINK);
  beforeAll(installGuest);

  it('keep and end them as they should', () => runGuest('lifetime.test.mjs'));
  it('survive what programs do to them', () => runGuest('robust.test.mjs'));
  it('tell of a migration', () => runGuest('migration.test.mjs', { least: 3 }));
  it('take steps in any order', () => runGuest('orders.test.mjs', { flags, least: 1 }));
  it('connect by rdma_cm', () => runGuest('rdmacm.test.mjs'));

  it('100,000 cycles of making and closing', { timeout: 5_000_000 }, () =>
    runGuest('leak.test.mjs', { flags, env: { ROAM_CYCLES: '100000' }, least: 1, timeout: 4_900_000 }),
  );

  it('500 programs of random steps', { timeout: 1_800_000 }, () =>
    runGuest('orders.test.mjs', { flags, env: { ROAM_ORDERS: '500' }, least: 1, timeout: 1_700_000 }),
  );
});
