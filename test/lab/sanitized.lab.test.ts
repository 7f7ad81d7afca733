// Programs of test/guest with addons that AddressSanitizer and UBSan watch.
import { beforeAll, describe, it } from 'vitest';
import { type GuestRun, installGuest, runGuest } from './support/guest.js';
import { useSweptLab } from './support/hooks.js';
import { script } from './support/lab.js';
import { FAST_LINK } from './support/pace.js';
import { PATIENCE } from './support/patience.js';

const run: GuestRun = { flags: ['--expose-gc'], timeout: 600_000 };

describe('under the sanitizers', { timeout: 700_000 * PATIENCE }, () => {
  useSweptLab(FAST_LINK);

  beforeAll(async () => {
    await installGuest();
    const libraries = await script('a', 'for l in asan ubsan; do gcc -print-file-name=lib$l.so; done');
    run.env = {
      ROAM_NATIVE_DIR: '/usr/lib/roam/sanitized',
      LD_PRELOAD: libraries.trim().split('\n').join(':'),
      // Node itself does not free what it holds at exit.
      ASAN_OPTIONS: 'detect_leaks=0:quarantine_size_mb=1',
    };
  });

  it('every end', () => runGuest('lifetime.test.mjs', run));
  it('every fault of a program', () => runGuest('robust.test.mjs', run));
  it('rounds', () => runGuest('round.test.mjs', run));
  it('what is told of a migration', () => runGuest('migration.test.mjs', { ...run, least: 3 }));
  // More of them run without the sanitizers.
  it('steps in any order', () =>
    runGuest('orders.test.mjs', { ...run, env: { ...run.env, ROAM_ORDERS: '10' }, least: 1 }));
  it('TLS', () => runGuest('secure.test.mjs', run));
  it('rdma_cm', () => runGuest('rdmacm.test.mjs', run));
});
