import { beforeAll, describe, it } from 'vitest';
import { installGuest, runGuest } from '../support/guest.js';
import { useSweptLab } from '../support/hooks.js';

describe('the RPC client', () => {
  useSweptLab();
  beforeAll(installGuest);

  it('drives a stock CRIU, with no RDMA', () => runGuest('criu.test.mjs', { least: 10 }));
});
