import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  bundleOf,
  containers,
  makeBundle,
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
const SLEEPER = ['/bin/sh', '-c', 'while :; do /bin/busybox sleep 1; done'];

describe('a container of runc', () => {
  vi.setConfig({ testTimeout: 420_000 });
  useSweptLab();
  afterEach(() => removeContainers('a', 'b'));

  it('moves with its RDMA connection, its files and its place in the list of runc', async () => {
    const test = await startInContainer('db', { on: 'a', peer: 'b' });
    await script('a', 'runc exec db /bin/sh -c "echo kept >/etc/written; echo kept >/tmp/written"');
    await progresses(test.stayer);
    const extra = ['--sync', bundleOf('db'), '--pre-copy'];
    const report = await migrate('a', 'runc:db', { to: 'b', ip: `${MOVING_IP}/24`, extra });
    expect(report.target).toBe('runc:db');
    expect(report.objects.qp).toHaveLength(1);
    expect(report.rounds?.length).toBeGreaterThan(0);
    expect(report.phases.map(({ name }) => name)).toEqual(expect.arrayContaining(['sync', 'pre-copy']));
    expect(report.warnings).toEqual([]);

    expect(await containers('a'), 'at the source').toEqual([]);
    expect(await containers('b'), 'at the destination').toMatchObject([
      { id: 'db', status: 'running', bundle: bundleOf('db') },
    ]);
    expect(await script('a', 'ls -d /sys/fs/cgroup/db 2>&1 || true')).toContain('No such file');
    test.mover = { ...test.mover, at: 'b', pid: await pidOf('b', 'db') };
    expect(await script('b', 'cat "/proc/$1/cgroup"', [String(test.mover.pid)])).toContain('/db');
    const files = await script('b', 'runc exec db /bin/busybox cat /etc/written /tmp/written');
    expect(files.split('\n')).toEqual(['kept', 'kept']);
    await progresses(test.mover);
    await progresses(test.stayer);
    await signal(test.mover, 'USR1');
    await goodVerdicts(test);
    expect(await containers('b')).toMatchObject([{ id: 'db', status: 'stopped' }]);
  });

  it('runs at the destination before all of its memory is there', async () => {
    const test = await startInContainer('db', { on: 'a', peer: 'b' });
    await progresses(test.stayer);
    const extra = ['--sync', bundleOf('db'), '--post-copy'];
    const report = await migrate('a', 'runc:db', { to: 'b', ip: `${MOVING_IP}/24`, extra });
    expect(report.phases.map(({ name }) => name)).toContain('post-copy');
    const { kept = 0, pages = 0 } = report.postCopy ?? {};
    expect(kept, 'memory that could wait').toBeGreaterThan(0);
    expect(pages, 'and has come').toBeGreaterThanOrEqual(kept);
    expect(await containers('a'), 'at the source').toEqual([]);
    expect(await containers('b'), 'at the destination').toMatchObject([{ id: 'db', status: 'running' }]);
    test.mover = { ...test.mover, at: 'b', pid: await pidOf('b', 'db') };
    await progresses(test.mover);
    await progresses(test.stayer);
    await signal(test.mover, 'USR1');
    await goodVerdicts(test);
  });

  it('stays where it is when it cannot be restored', async () => {
    const test = await startInContainer('db', { on: 'a', peer: 'b' });
    await progresses(test.stayer);
    const sabotage = await whenImagesArrive(
      'b',
      `mv ${PLUGIN} /root/plugin.so`,
      `mv /root/plugin.so ${PLUGIN}`,
    );
    const extra = ['--sync', bundleOf('db')];
    const error = await migrateFails('a', 'runc:db', { to: 'b', ip: `${MOVING_IP}/24`, extra });
    await sabotage.undo();
    expect(error.phase).toBe('restore');
    expect(error.message).toMatch(/CRIU restore failed/);
    expect(await containers('b'), 'at the destination').toEqual([]);
    expect(await containers('a'), 'at the source').toMatchObject([
      { id: 'db', status: 'running', pid: test.mover.pid },
    ]);
    await progresses(test.mover);
    await progresses(test.stayer);
    await signal(test.mover, 'USR1');
    await goodVerdicts(test);
  });

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
