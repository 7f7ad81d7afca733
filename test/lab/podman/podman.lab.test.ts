import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { bundleOf } from '../support/container.js';
import { useSweptLab } from '../support/hooks.js';
import { MOVING_IP, type NodeName, script } from '../support/lab.js';
import { check, migrate, migrateFails } from '../support/migrate.js';
import {
  IMAGE,
  inspectPodman,
  preparePodman,
  removeAllFromPodman,
  runInPodman,
  startInPodman,
} from '../support/podman.js';
import { whenImagesArrive } from '../support/sabotage.js';
import { goodVerdicts, progresses, signal } from '../support/verdict.js';

const PLUGIN = '/usr/lib/criu/roam_rdma_plugin.so';
const HOW = ['--sync', `${bundleOf('db')}/data`, '--max-hold', '120'];

/** It runs, in the cgroup that Podman knows, with its limit. @returns its first process */
async function runsWhole(on: NodeName, id: string): Promise<number> {
  const { Id, State, Config, HostConfig } = (await inspectPodman(on, 'db')) ?? {};
  expect({ Id, status: State?.Status }).toEqual({ Id: id, status: 'running' });
  expect(Config?.Labels).toMatchObject({ tier: 'one' });
  expect(HostConfig?.RestartPolicy).toMatchObject({ Name: 'on-failure', MaximumRetryCount: 3 });
  const group = await script(on, 'sed s/^0::// "/proc/$1/cgroup"', [String(State?.Pid)]);
  expect(group).toContain(id);
  const limit = await script(on, 'cat "/sys/fs/cgroup$1/memory.max"', [group]);
  expect(Number(limit)).toBe(HostConfig?.Memory);
  return State?.Pid ?? 0;
}

describe('a container of Podman', () => {
  vi.setConfig({ testTimeout: 1_200_000 });
  useSweptLab();
  beforeAll(async () => {
    await preparePodman();
    await removeAllFromPodman();
  });
  afterEach(removeAllFromPodman);

  it('moves with its RDMA connection and all that Podman knows of it, and back', async () => {
    await script('b', 'podman rmi "$1" >/dev/null 2>&1 || true', [IMAGE]);
    const more = ['--restart', 'on-failure:3', '--memory', '256m', '--label', 'tier=one'];
    const test = await startInPodman('db', { on: 'a', peer: 'b', more });
    const id = (await inspectPodman('a', 'db'))?.Id ?? '';
    const written = 'echo kept >/etc/written; rm /etc/libibverbs.d/rxe.driver; echo kept >/dev/shm/file';
    await script('a', `podman exec db /bin/sh -c "${written}"`);
    await progresses(test.stayer);
    const extra = [...HOW, '--copy-image', '--pre-copy'];
    const report = await migrate('a', 'podman:db', { to: 'b', ip: `${MOVING_IP}/24`, extra });
    expect(report.target).toBe('podman:db');
    expect(report.objects.qp).toHaveLength(1);
    expect(report.rounds?.length).toBeGreaterThan(0);
    expect(report.warnings).toEqual([]);
    expect(await inspectPodman('a', 'db'), 'at the source').toBeUndefined();
    test.mover = { ...test.mover, at: 'b', pid: await runsWhole('b', id) };
    const files = 'cat /etc/written /dev/shm/file; ls /etc/libibverbs.d';
    expect(await script('b', `podman exec db /bin/sh -c "${files}"`)).toBe('kept\nkept');
    expect(await script('b', 'podman logs db')).toBe('begun');
    await progresses(test.mover);
    await progresses(test.stayer);

    await migrate('b', 'podman:db', { to: 'a', ip: `${MOVING_IP}/24`, extra: HOW });
    expect(await inspectPodman('b', 'db'), 'at the source').toBeUndefined();
    test.mover = { ...test.mover, at: 'a', pid: await runsWhole('a', id) };
    await progresses(test.mover);
    await signal(test.mover, 'USR1');
    await goodVerdicts(test);
    expect(await script('a', 'podman wait db', [], 120_000)).toBe('0');
  });

  it('stays where it is when it cannot be restored', async () => {
    const more = ['--restart', 'on-failure:3', '--memory', '256m', '--label', 'tier=one'];
    const test = await startInPodman('db', { on: 'a', peer: 'b', more });
    const { Id = '', State } = (await inspectPodman('a', 'db')) ?? {};
    await progresses(test.stayer);
    const sabotage = await whenImagesArrive(
      'b',
      `mv ${PLUGIN} /root/plugin.so`,
      `mv /root/plugin.so ${PLUGIN}`,
    );
    const extra = [...HOW, '--copy-image'];
    const error = await migrateFails('a', 'podman:db', { to: 'b', ip: `${MOVING_IP}/24`, extra });
    await sabotage.undo();
    expect(error.phase).toBe('restore');
    expect(error.message).toMatch(/CRIU restore failed/);
    expect(await inspectPodman('b', 'db'), 'at the destination').toBeUndefined();
    expect(await script('b', 'grep criu-root /proc/mounts || true'), 'mounts of crun').toBe('');
    expect(await runsWhole('a', Id)).toBe(State?.Pid);
    await progresses(test.mover);
    await progresses(test.stayer);
    await signal(test.mover, 'USR1');
    await goodVerdicts(test);
  });

  it('is refused with every reason before anything stops', async () => {
    const codes = async (target: `podman:${string}` | `crun:${string}`) =>
      (await check('a', target, { to: 'b' })).findings
        .filter(({ severity }) => severity === 'error')
        .map(({ code }) => code);
    const sleeps = ['busybox', 'sleep', '600'];
    await script('b', 'podman rmi "$1" >/dev/null 2>&1 || true', [IMAGE]);
    await runInPodman('a', 'sleeper', sleeps, ['--volume', 'things:/data', '--tty']);
    expect(await codes('podman:sleeper')).toEqual(
      expect.arrayContaining(['CONTAINER_TTY', 'VOLUME_STAYS', 'IMAGE_MISSING']),
    );
    await script('a', 'podman save "$1" 2>/dev/null | ssh b podman load', [IMAGE], 120_000);
    await script('b', 'podman create --name sleeper "$1" busybox true', [IMAGE]);
    expect(await codes('podman:sleeper')).toContain('CONTAINER_EXISTS');
    await runInPodman('a', 'bridged', sleeps, ['--network', 'none']);
    expect(await codes('podman:bridged')).toEqual(['NETWORK_STAYS']);
    const { Id, State } = (await inspectPodman('a', 'bridged')) ?? {};
    expect(State?.Status).toBe('running');
    expect(await codes(`crun:${Id}`)).toContain('CONTAINER_MANAGED');
    const error = await migrateFails('a', 'podman:other', { to: 'b' });
    expect(error.code).toBe('NO_SUCH_CONTAINER');
  });
});
