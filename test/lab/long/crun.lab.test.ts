import { afterEach, describe, expect, it, vi } from 'vitest';
import { bundleOf, removeContainers, runContainer } from '../support/container.js';
import { itMovesWhole, itRunsBeforeItsMemory, itStaysWhenNotRestored } from '../support/container-moves.js';
import { useSweptLab } from '../support/hooks.js';
import { script } from '../support/lab.js';
import { check, migrateFails } from '../support/migrate.js';

describe('a container of crun', () => {
  vi.setConfig({ testTimeout: 420_000 });
  useSweptLab();
  afterEach(() => removeContainers('a', 'b'));

  itMovesWhole('crun');
  itRunsBeforeItsMemory('crun');
  itStaysWhenNotRestored('crun');

  it('is refused where there is no crun, and under the name of another runtime', async () => {
    await runContainer('a', 'own', { args: ['/bin/busybox', 'sleep', '600'], runtime: 'crun' });
    await script('b', 'mv /usr/bin/crun /root/crun');
    try {
      const { findings } = await check('a', 'crun:own', { to: 'b', extra: ['--sync', bundleOf('own')] });
      expect(findings).toContainEqual(expect.objectContaining({ severity: 'error', code: 'CRUN_MISSING' }));
    } finally {
      await script('b', 'mv /root/crun /usr/bin/crun');
    }
    const error = await migrateFails('a', 'runc:own', { to: 'b' });
    expect(error.code).toBe('NO_SUCH_CONTAINER');
  });
});
