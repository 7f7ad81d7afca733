import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  endOf,
  hurry,
  IMAGE,
  inspectDocker,
  logsOf,
  NETWORK,
  removeAllFromDocker,
  runInDocker,
  startDocker,
} from '../support/docker.js';
import { useSweptLab } from '../support/hooks.js';
import { dataFlows, type NodeName, script } from '../support/lab.js';
import { check, migrate, migrateFails } from '../support/migrate.js';
import { whenImagesArrive } from '../support/sabotage.js';

const PLUGIN = '/usr/lib/criu/roam_rdma_plugin.so';
const ITERATIONS = 2500;

/** The two containers of the guide of MigrOS. */
async function startPair(): Promise<void> {
  const copy = 'ssh b docker image inspect "$1" >/dev/null 2>&1 || docker save "$1" | ssh b docker load';
  await script('a', copy, [IMAGE], 120_000);
  // Two that poll answer later than a QP waits by itself: -u is that time.
  const bench = ['ib_send_bw', '-d', 'rxe0', '-x', '1', '-n', String(ITERATIONS), '-b', '-F', '-u', '18'];
  const moving = { ip: '10.0.1.7', cpus: 0.3, args: bench, more: ['--restart', 'on-failure'] };
  await runInDocker('a', 'cont-moving', moving);
  await runInDocker('b', 'cont-static', { ip: '10.0.1.3', cpus: 0.1, args: [...bench, '10.0.1.7'] });
  await dataFlows('b', 2000, 120_000);
}

/** It is in the cgroup that Docker has made for it, with the limits, and not in one of another host's. */
async function inItsCgroup(on: NodeName): Promise<void> {
  const { Id = '', State, HostConfig } = (await inspectDocker(on, 'cont-moving')) ?? {};
  expect(await script(on, 'cat "/proc/$1/cgroup"', [String(State?.Pid)])).toBe(`0::/docker/${Id}`);
  const limit = await script(on, 'cat "/sys/fs/cgroup/docker/$1/memory.max"', [Id]);
  expect(Number(limit)).toBe(HostConfig?.Memory);
}

/** Both ends have done all they had to do. */
async function bothFinish(at: 'a' | 'b'): Promise<void> {
  await hurry(at, 'cont-moving');
  await hurry('b', 'cont-static');
  for (const [on, name] of [
    [at, 'cont-moving'],
    ['b', 'cont-static'],
  ] as const) {
    expect(await endOf(on, name), name).toBe(0);
    expect(await logsOf(on, name)).toMatch(new RegExp(`^\\s*65536\\s+${ITERATIONS}\\s`, 'm'));
  }
}

describe('a container of Docker', () => {
  vi.setConfig({ testTimeout: 1_200_000 });
  useSweptLab();
  beforeAll(async () => {
    await startDocker();
    await removeAllFromDocker();
  });
  afterEach(removeAllFromDocker);

  it('brings its image along, and what it has written', async () => {
    await script('b', 'docker rmi "$1" 2>/dev/null || true', [IMAGE]);
    const args = ['sh', '-c', 'echo begun >/etc/written; while :; do sleep 1; done'];
    await runInDocker('a', 'writer', { ip: '10.0.1.9', cpus: 1, args, more: ['--env', 'WHO=me'] });
    await migrate('a', 'docker:writer', { to: 'b', extra: ['--copy-image'] });
    expect(await inspectDocker('a', 'writer'), 'at the source').toBeUndefined();
    const found = await script('b', "docker exec writer sh -c 'cat /etc/written; echo $WHO; ip addr'");
    expect(found).toMatch(/^begun\nme\n/);
    expect(found).toContain('10.0.1.9/24');
  });

  it('moves with its address to the node of its client, as in the guide of MigrOS', async () => {
    await startPair();
    await script('a', 'docker exec cont-moving sh -c "echo kept >/tmp/written"');
    const before = await inspectDocker('a', 'cont-moving');
    const report = await migrate('a', 'docker:cont-moving', { to: 'b', extra: ['--max-hold', '120'] });
    expect(report.target).toBe('docker:cont-moving');
    expect(report.objects.qp).toHaveLength(1);
    expect(await inspectDocker('a', 'cont-moving'), 'at the source').toBeUndefined();
    const after = await inspectDocker('b', 'cont-moving');
    expect(after?.State.Status).toBe('running');
    expect(after?.Config).toMatchObject({
      Hostname: before?.Config.Hostname,
      Cmd: before?.Config.Cmd,
    });
    expect(after?.HostConfig).toMatchObject({
      CapAdd: before?.HostConfig.CapAdd,
      Memory: before?.HostConfig.Memory,
      RestartPolicy: { Name: 'on-failure' },
    });
    expect(after?.NetworkSettings.Networks[NETWORK]?.IPAddress).toBe('10.0.1.7');
    // Whether it runs still, or has done its work.
    expect(await script('b', 'docker cp cont-moving:/tmp/written - | tar -xO')).toBe('kept');
    await bothFinish('b');
  });

  it('moves to a third node, and back to where it came from', async () => {
    await startPair();
    const hold = ['--max-hold', '120'];
    await migrate('a', 'docker:cont-moving', { to: 'c', extra: [...hold, '--copy-image'] });
    expect(await inspectDocker('a', 'cont-moving'), 'at the source').toBeUndefined();
    await inItsCgroup('c');
    await dataFlows('b', 300, 120_000);
    await migrate('c', 'docker:cont-moving', { to: 'a', extra: hold });
    expect(await inspectDocker('c', 'cont-moving'), 'at the source').toBeUndefined();
    await inItsCgroup('a');
    const after = await inspectDocker('a', 'cont-moving');
    expect(after?.NetworkSettings.Networks[NETWORK]?.IPAddress).toBe('10.0.1.7');
    expect(after?.HostConfig.RestartPolicy).toMatchObject({ Name: 'on-failure' });
    await bothFinish('a');
  });

  it('stays where it is, with its network and its peer, when it cannot be restored', async () => {
    await startPair();
    const sabotage = await whenImagesArrive(
      'b',
      `mv ${PLUGIN} /root/plugin.so`,
      `mv /root/plugin.so ${PLUGIN}`,
    );
    const before = await inspectDocker('a', 'cont-moving');
    const extra = ['--max-hold', '120'];
    const error = await migrateFails('a', 'docker:cont-moving', { to: 'b', extra });
    await sabotage.undo();
    expect(error.phase).toBe('restore');
    expect(error.message).toMatch(/CRIU restore failed/);
    expect(await inspectDocker('b', 'cont-moving'), 'at the destination').toBeUndefined();
    const after = await inspectDocker('a', 'cont-moving');
    expect(after).toMatchObject({
      Id: before?.Id,
      State: { Status: 'running', Pid: before?.State.Pid },
      HostConfig: { RestartPolicy: { Name: 'on-failure' } },
      NetworkSettings: { Networks: { [NETWORK]: { IPAddress: '10.0.1.7' } } },
    });
    await dataFlows('b', 500, 120_000);
    await bothFinish('a');
  });

  it('is refused with every reason before anything stops', async () => {
    const more = ['--volume', 'things:/data', '--tty'];
    await runInDocker('a', 'sleeper', { ip: '10.0.1.9', cpus: 0.1, args: ['sh', '-c', 'sleep 3600'], more });
    const codes = async (name: string) =>
      (await check('a', `docker:${name}`, { to: 'b' })).findings
        .filter(({ severity }) => severity === 'error')
        .map(({ code }) => code);
    await script('b', 'docker create --name sleeper "$1" true', [IMAGE]);
    expect(await codes('sleeper')).toEqual(
      expect.arrayContaining(['CONTAINER_TTY', 'VOLUME_STAYS', 'CONTAINER_EXISTS']),
    );
    await script('a', 'docker run --detach --name bridged "$1" sh -c "sleep 3600"', [IMAGE]);
    await script('b', 'docker rm sleeper; docker rmi "$1"', [IMAGE]);
    expect(await codes('bridged')).toEqual(['NETWORK_STAYS', 'IMAGE_MISSING']);
    expect((await inspectDocker('a', 'bridged'))?.State.Status).toBe('running');
    const error = await migrateFails('a', 'docker:other', { to: 'b' });
    expect(error.code).toBe('NO_SUCH_CONTAINER');
  });
});
