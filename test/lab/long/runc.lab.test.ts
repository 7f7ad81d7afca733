import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  bundleOf,
  containers,
  makeBundle,
  pidOf,
  removeContainers,
  runContainer,
} from '../support/container.js';
import { itMovesWhole, itRunsBeforeItsMemory, itStaysWhenNotRestored } from '../support/container-moves.js';
import { useSweptLab } from '../support/hooks.js';
import { script } from '../support/lab.js';
import { check, migrateFails } from '../support/migrate.js';

const SLEEPER = ['/bin/sh', '-c', 'while :; do /bin/busybox sleep 1; done'];

describe('a container of runc', () => {
  vi.setConfig({ testTimeout: 420_000 });
  useSweptLab();
  afterEach(() => removeContainers('a', 'b'));

  itMovesWhole('runc');
  itRunsBeforeItsMemory('runc');
  itStaysWhenNotRestored('runc');

  it('is refused with every reason before anything stops', async () => {
    await runContainer('a', 'own', { args: SLEEPER, network: true });
    await makeBundle('b', 'own', { args: SLEEPER });
    await script('b', 'cd "$1" && runc run --detach own </dev/null >/dev/null 2>&1', [bundleOf('own')]);
    const codes = async (...extra: string[]) =>
      (await check('a', 'runc:own', { to: 'b', extra })).findings
        .filter(({ severity }) => severity === 'error')
        .map(({ code }) => code);
    expect(await codes()).toEqual(['ROOTFS_STAYS', 'CONTAINER_EXISTS', 'BUNDLE_DIFFERS']);
    await makeBundle('a', 'loud', { args: SLEEPER });
    await script('a', 'cd "$1" && runc run --detach loud </dev/null >/root/loud.out 2>&1', [
      bundleOf('loud'),
    ]);
    const loud = await check('a', 'runc:loud', { to: 'b' });
    expect(loud.findings).toContainEqual(
      expect.objectContaining({ code: 'FILE_OUTSIDE', message: expect.stringContaining('/root/loud.out') }),
    );
    await script('a', 'runc delete --force loud');
    const inside = `nsenter --net=/proc/${await pidOf('a', 'own')}/ns/net`;
    await script('a', `${inside} ip link add d0 type dummy`);
    expect(await codes()).toContain('NETWORK_NAMESPACE');
    await script('a', `${inside} ip link del d0`);
    await script('a', 'runc exec --detach own /bin/busybox sleep 300');
    expect(await codes()).toContain('PROCESS_FROM_OUTSIDE');
    await script('a', 'kill $(pgrep -f "[b]usybox sleep 300")');
    await removeContainers('b');
    expect(await codes()).toEqual(['ROOTFS_STAYS', 'BUNDLE_MISSING', 'ROOTFS_MISSING', 'BIND_MISSING']);
    await script('b', 'mv /usr/sbin/runc /root/runc');
    try {
      expect(await codes('--sync', bundleOf('own'))).toEqual(['RUNC_MISSING']);
    } finally {
      await script('b', 'mv /root/runc /usr/sbin/runc');
    }
    expect(await containers('a')).toMatchObject([{ id: 'own', status: 'running' }]);
    const error = await migrateFails('a', 'runc:other', { to: 'b' });
    expect(error.code).toBe('NO_SUCH_CONTAINER');
  });
});
