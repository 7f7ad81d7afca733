import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  bundleOf,
  containers,
  pidOf,
  removeContainers,
  runContainer,
  startInContainer,
} from '../support/container.js';
import { useSweptLab } from '../support/hooks.js';
import { MOVING_IP, script } from '../support/lab.js';
import { check, migrate, migrateFails } from '../support/migrate.js';
import { whenImagesArrive } from '../support/sabotage.js';
import { goodVerdicts, progresses, signal } from '../support/verdict.js';

const PLUGIN = '/usr/lib/criu/roam_rdma_plugin.so';
const runtime = 'crun';

describe('a container of crun', () => {
  vi.setConfig({ testTimeout: 420_000 });
  useSweptLab();
  afterEach(() => removeContainers('a', 'b'));

  it('moves with its RDMA connection, its files and its place in the list of crun', async () => {
    const test = await startInContainer('db', { on: 'a', peer: 'b', runtime });
    await script('a', 'crun exec db /bin/sh -c "echo kept >/etc/written; echo kept >/tmp/written"');
    await progresses(test.stayer);
    const extra = ['--sync', bundleOf('db'), '--pre-copy'];
    const report = await migrate('a', 'crun:db', { to: 'b', ip: `${MOVING_IP}/24`, extra });
    expect(report.target).toBe('crun:db');
    expect(report.objects.qp).toHaveLength(1);
    expect(report.rounds?.length).toBeGreaterThan(0);
    expect(report.warnings).toEqual([]);

    expect(await containers('a', runtime), 'at the source').toEqual([]);
    expect(await containers('b', runtime), 'at the destination').toMatchObject([
      { id: 'db', status: 'running', bundle: bundleOf('db') },
    ]);
    expect(await script('a', 'ls -d /sys/fs/cgroup/db 2>&1 || true')).toContain('No such file');
    test.mover = { ...test.mover, at: 'b', pid: await pidOf('b', 'db', runtime) };
    expect(await script('b', 'cat "/proc/$1/cgroup"', [String(test.mover.pid)])).toContain('/db');
    const files = await script('b', 'crun exec db /bin/busybox cat /etc/written /tmp/written');
    expect(files.split('\n')).toEqual(['kept', 'kept']);
    await progresses(test.mover);
    await progresses(test.stayer);
    await signal(test.mover, 'USR1');
    await goodVerdicts(test);
    expect(await containers('b', runtime)).toMatchObject([{ id: 'db', status: 'stopped' }]);
  });

  it('stays where it is when it cannot be restored', async () => {
    const test = await startInContainer('db', { on: 'a', peer: 'b', runtime });
    await progresses(test.stayer);
    const sabotage = await whenImagesArrive(
      'b',
      `mv ${PLUGIN} /root/plugin.so`,
      `mv /root/plugin.so ${PLUGIN}`,
    );
    const extra = ['--sync', bundleOf('db')];
    const error = await migrateFails('a', 'crun:db', { to: 'b', ip: `${MOVING_IP}/24`, extra });
    await sabotage.undo();
    expect(error.phase).toBe('restore');
    expect(error.message).toMatch(/CRIU restore failed/);
    expect(await containers('b', runtime), 'at the destination').toEqual([]);
    expect(await script('b', 'grep criu-root /proc/mounts || true'), 'mounts of crun').toBe('');
    expect(await containers('a', runtime), 'at the source').toMatchObject([
      { id: 'db', status: 'running', pid: test.mover.pid },
    ]);
    await progresses(test.mover);
    await progresses(test.stayer);
    await signal(test.mover, 'USR1');
    await goodVerdicts(test);
  });

  it('is refused where there is no crun, and under the name of another runtime', async () => {
    await runContainer('a', 'own', { args: ['/bin/busybox', 'sleep', '600'], runtime });
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
