// What a container of runc and one of crun have to live through alike.
import { expect, it } from 'vitest';
import type { Runtime } from '../../../src/migrate/oci/runtime.js';
import { bundleOf, containers, pidOf, startInContainer } from './container.js';
import { MOVING_IP, type NodeName, script } from './lab.js';
import { migrate, migrateFails } from './migrate.js';
import { whenImagesArrive } from './sabotage.js';
import { goodVerdicts, progresses, signal } from './verdict.js';

const PLUGIN = '/usr/lib/criu/roam_rdma_plugin.so';

export function itMovesWhole(runtime: Runtime): void {
  it(`moves with its RDMA connection, its files and its place in the list of ${runtime}`, async () => {
    const test = await startInContainer('db', { on: 'a', peer: 'b', runtime });
    const exec = [runtime, 'exec', 'db'].join(' ');
    await script('a', `${exec} /bin/sh -c "echo kept >/etc/written; echo kept >/tmp/written"`);
    await progresses(test.stayer);
    const extra = ['--sync', bundleOf('db'), '--pre-copy'];
    const report = await migrate('a', `${runtime}:db`, { to: 'b', ip: `${MOVING_IP}/24`, extra });
    expect(report.target).toBe(`${runtime}:db`);
    expect(report.objects.qp).toHaveLength(1);
    expect(report.rounds?.length).toBeGreaterThan(0);
    expect(report.phases.map(({ name }) => name)).toEqual(expect.arrayContaining(['sync', 'pre-copy']));
    expect(report.warnings).toEqual([]);

    expect(await containers('a', runtime), 'at the source').toEqual([]);
    expect(await containers('b', runtime), 'at the destination').toMatchObject([
      { id: 'db', status: 'running', bundle: bundleOf('db') },
    ]);
    expect(await script('a', 'ls -d /sys/fs/cgroup/db 2>&1 || true')).toContain('No such file');
    test.mover = { ...test.mover, at: 'b', pid: await pidOf('b', 'db', runtime) };
    expect(await script('b', 'cat "/proc/$1/cgroup"', [String(test.mover.pid)])).toContain('/db');
    const files = await script('b', `${exec} /bin/busybox cat /etc/written /tmp/written`);
    expect(files.split('\n')).toEqual(['kept', 'kept']);
    await progresses(test.mover);
    await progresses(test.stayer);
    await signal(test.mover, 'USR1');
    await goodVerdicts(test);
    expect(await containers('b', runtime)).toMatchObject([{ id: 'db', status: 'stopped' }]);
  });
}

/** Where a process sees mounts that it may only read. */
async function readOnly(on: NodeName, pid: number): Promise<string[]> {
  const mounts = await script(on, 'grep " ro[, ]" "/proc/$1/mounts" | cut -d" " -f2 | sort', [String(pid)]);
  return mounts.split('\n');
}

export function itRunsBeforeItsMemory(runtime: Runtime): void {
  it('runs at the destination before all of its memory is there, and may write no more than before', async () => {
    const test = await startInContainer('db', { on: 'a', peer: 'b', runtime, readonly: true });
    const before = await readOnly('a', test.mover.pid);
    expect(before).toEqual(expect.arrayContaining(['/', '/proc/sys', '/sys']));
    await progresses(test.stayer);
    const extra = ['--sync', bundleOf('db'), '--post-copy'];
    const report = await migrate('a', `${runtime}:db`, { to: 'b', ip: `${MOVING_IP}/24`, extra });
    expect(report.phases.map(({ name }) => name)).toContain('post-copy');
    const { kept = 0, pages = 0 } = report.postCopy ?? {};
    expect(kept, 'memory that could wait').toBeGreaterThan(0);
    expect(pages, 'and has come').toBeGreaterThanOrEqual(kept);
    expect(await containers('a', runtime), 'at the source').toEqual([]);
    expect(await containers('b', runtime), 'at the destination').toMatchObject([
      { id: 'db', status: 'running' },
    ]);
    test.mover = { ...test.mover, at: 'b', pid: await pidOf('b', 'db', runtime) };
    expect(await readOnly('b', test.mover.pid)).toEqual(before);
    await progresses(test.mover);
    await progresses(test.stayer);
    await signal(test.mover, 'USR1');
    await goodVerdicts(test);
  });
}

export function itStaysWhenNotRestored(runtime: Runtime): void {
  it('stays where it is when it cannot be restored', async () => {
    const test = await startInContainer('db', { on: 'a', peer: 'b', runtime });
    await progresses(test.stayer);
    const sabotage = await whenImagesArrive(
      'b',
      `mv ${PLUGIN} /root/plugin.so`,
      `mv /root/plugin.so ${PLUGIN}`,
    );
    const extra = ['--sync', bundleOf('db')];
    const error = await migrateFails('a', `${runtime}:db`, { to: 'b', ip: `${MOVING_IP}/24`, extra });
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
}
