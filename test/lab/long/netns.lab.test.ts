import { afterEach, describe, expect, it, vi } from 'vitest';
import { bundleOf, containers, pidOf, removeContainers, runContainer } from '../support/container.js';
import { useSweptLab } from '../support/hooks.js';
import { node, script } from '../support/lab.js';
import { check, migrate, migrateFails } from '../support/migrate.js';
import {
  echoes,
  endEcho,
  FAR_NETWORK,
  HOLD,
  INSIDE_IP,
  makeNetns,
  NETNS,
  removeNetns,
  seenAlone,
  seenInNetns,
  startAlone,
  startInNetns,
  talked,
} from '../support/netns.js';
import { whenImagesArrive } from '../support/sabotage.js';
import { goodVerdicts, progresses, signal } from '../support/verdict.js';

const PLUGIN = '/usr/lib/criu/roam_rdma_plugin.so';
const SLEEPER = ['/bin/sh', '-c', 'while :; do /bin/busybox sleep 1; done'];
const ip = `${INSIDE_IP}/24`;

describe('a container of runc in a network namespace', () => {
  vi.setConfig({ testTimeout: 900_000 });
  useSweptLab();
  afterEach(async () => {
    await removeContainers('a', 'b');
    await removeNetns('a', 'b');
  });

  it('moves to the one at the same path, with its address, its TCP connection and its RDMA', async () => {
    await makeNetns('a', 'mv0');
    await makeNetns('b', 'mv0');
    const test = await startInNetns('db', { on: 'a', peer: 'c', dev: 'mv0' });
    await progresses(test.stayer);
    await echoes(test.echo);
    const report = await migrate('a', 'runc:db', { to: 'b', ip, extra: [...HOLD, '--sync', bundleOf('db')] });
    expect(report.address).toEqual({ ip, from: 'a:mv0', to: 'b:mv0', netns: NETNS });
    expect(report.objects.qp).toHaveLength(1);
    expect(report.warnings).toEqual([]);

    expect(await containers('a'), 'at the source').toEqual([]);
    expect(await containers('b'), 'at the destination').toMatchObject([{ id: 'db', status: 'running' }]);
    test.mover = { ...test.mover, at: 'b', pid: await pidOf('b', 'db') };
    const same = await script('b', '[ /proc/$1/ns/net -ef "$2" ] && echo same', [
      String(test.mover.pid),
      NETNS,
    ]);
    expect(same).toBe('same');
    expect(await seenInNetns('a', 'mv0')).toEqual({ addresses: [], routes: [], tables: [] });
    expect(await seenInNetns('b', 'mv0')).toEqual({
      addresses: [ip],
      routes: [
        `${FAR_NETWORK} via ${(await node('c')).ip} dev mv0`,
        `10.77.0.0/24 dev mv0 proto kernel scope link src ${INSIDE_IP}`,
      ],
      tables: [],
    });
    await echoes(test.echo);
    await progresses(test.mover);
    await progresses(test.stayer);
    expect(await endEcho(test.echo)).toEqual([]);
    await signal(test.mover, 'USR1');
    await goodVerdicts(test);
  });

  it('stays in it, with its address and its connections, when it cannot be restored', async () => {
    await makeNetns('a', 'mv0');
    await makeNetns('b', 'mv0');
    const test = await startInNetns('db', { on: 'a', peer: 'c', dev: 'mv0' });
    await progresses(test.stayer);
    await echoes(test.echo);
    const before = await seenInNetns('a', 'mv0');
    const sabotage = await whenImagesArrive(
      'b',
      `mv ${PLUGIN} /root/plugin.so`,
      `mv /root/plugin.so ${PLUGIN}`,
    );
    const error = await migrateFails('a', 'runc:db', {
      to: 'b',
      ip,
      extra: [...HOLD, '--sync', bundleOf('db')],
    });
    await sabotage.undo();
    expect(error.phase).toBe('restore');
    expect(error.message).toMatch(/CRIU restore failed/);
    expect(await containers('b'), 'at the destination').toEqual([]);
    expect(await seenInNetns('b', 'mv0')).toEqual({ addresses: [], routes: [], tables: [] });
    expect(await containers('a'), 'at the source').toMatchObject([
      { id: 'db', status: 'running', pid: test.mover.pid },
    ]);
    expect(before.addresses).toEqual([ip]);
    expect(await seenInNetns('a', 'mv0')).toEqual(before);
    await echoes(test.echo);
    await progresses(test.mover);
    await progresses(test.stayer);
    expect(await endEcho(test.echo)).toEqual([]);
    await signal(test.mover, 'USR1');
    await goodVerdicts(test);
  });

  it('moves with one that runc has made for it, which has lo and its parameters again', async () => {
    const test = await startAlone('db', { on: 'a', peer: 'c' });
    await progresses(test.stayer);
    const before = await seenAlone('a', test.mover.pid);
    expect(before).toMatch(/ lo .*127\.0\.0\.1\/8(.|\n)*\b80\b/);
    const report = await migrate('a', 'runc:db', { to: 'b', extra: [...HOLD, '--sync', bundleOf('db')] });
    expect(report.objects.qp).toHaveLength(1);
    expect(report.warnings).toEqual([]);
    expect(await containers('a'), 'at the source').toEqual([]);
    test.mover = { ...test.mover, at: 'b', pid: await pidOf('b', 'db') };
    expect(await seenAlone('b', test.mover.pid)).toBe(before);
    await progresses(test.mover);
    await progresses(test.stayer);
    const said = await talked('db', 'b');
    await expect.poll(() => talked('db', 'b'), { timeout: 60_000 }).toBeGreaterThan(said + 5);
    await signal(test.mover, 'USR1');
    await goodVerdicts(test);
  });

  it('is refused where that namespace is missing, or has no place for its address', async () => {
    await makeNetns('a', 'mv0');
    await script('a', 'ip -n blue addr add "$1" dev mv0', [ip]);
    await runContainer('a', 'db', { args: SLEEPER, network: NETNS });
    const codes = async () =>
      (await check('a', 'runc:db', { to: 'b', ip, extra: ['--sync', bundleOf('db')] })).findings
        .filter(({ severity }) => severity !== 'info')
        .map(({ severity, code }) => `${severity} ${code}`);
    expect(await codes()).toEqual(['error NETNS_MISSING']);
    await script('b', 'touch "$1" 2>/dev/null || { mkdir -p /run/netns; touch "$1"; }', [NETNS]);
    expect(await codes(), 'a file of that name').toEqual(['error NETNS_MISSING']);
    await script('b', 'rm "$1"', [NETNS]);
    await makeNetns('b', 'mv1');
    expect(await codes()).toEqual(['error NETNS_DEVICE_MISSING']);
    await script('b', 'ip -n blue addr add "$1" dev mv1', [ip]);
    expect(await codes()).toEqual(['error ADDRESS_TAKEN']);
    const pid = await (await node('a')).start(['ip', 'netns', 'exec', 'blue', 'sleep', '300'], {
      log: '/root/guest.out',
    });
    expect(await codes()).toEqual(['error ADDRESS_TAKEN', 'warning NETNS_SHARED']);
    await script('a', 'kill "$1"', [String(pid)]);
    await script('a', 'umount "$1"; ip netns del blue; ip netns add blue', [NETNS]);
    expect(await codes()).toEqual(['error ADDRESS_TAKEN', 'error NETNS_REPLACED']);
    expect(await containers('a')).toMatchObject([{ id: 'db', status: 'running' }]);
  });
});
