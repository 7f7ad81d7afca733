import { afterEach, describe, expect, it, vi } from 'vitest';
import type { AssignReport, DrainReport, FleetNode } from '../../../dist/index.js';
import { bundleOf, containers, pidOf, removeContainers, startInContainer } from '../support/container.js';
import { useSweptLab } from '../support/hooks.js';
import { inAllNodes, MOVING_IP, type NodeName, node, script } from '../support/lab.js';
import { isAlive } from '../support/migrate.js';
import { whenImagesArrive } from '../support/sabotage.js';
import { goodVerdicts, progresses, signal, startWorkload, type Workload } from '../support/verdict.js';

const PLUGIN = '/usr/lib/criu/roam_rdma_plugin.so';

async function roam<T>(on: NodeName, argv: string[], timeout = 560_000): Promise<T & { exitCode: number }> {
  const command = ['roam', ...argv, '--json'];
  const { exitCode, stdout, stderr } = await (await node(on)).exec(command, { reject: false, timeout });
  try {
    return { ...JSON.parse(stdout), exitCode };
  } catch {
    throw new Error(`${command.join(' ')} exited with ${exitCode}:\n${stdout}\n${stderr}`);
  }
}

const nodes = (...hosts: string[]) => roam<{ ok: boolean; nodes: FleetNode[] }>('a', ['nodes', ...hosts]);

const drain = (...argv: string[]) => roam<DrainReport>('a', ['drain', ...argv]);

/** What each host has that could leave it. */
async function movables(...hosts: string[]): Promise<Record<string, string[]>> {
  const answer = await nodes(...hosts);
  return Object.fromEntries(
    answer.nodes.map((found) => [
      found.host,
      found.ok ? found.facts.movables.map(({ target }) => target) : ['?'],
    ]),
  );
}

/** A server on a, under a name and on ports of its own. */
async function serverOnA(name: string, client: NodeName, port: number): Promise<Workload> {
  // Two freezes at once are long on emulated nodes.
  await inAllNodes('echo 300000 >/proc/sys/net/rdma_rxe/max_hold_ms');
  return startWorkload({
    name,
    server: 'a',
    client,
    moving: 'server',
    address: 'changed',
    args: ['--events', '--rate', '10', '--port', String(port)],
  });
}

/** It went where the report says, goes on there, and everything it sent and got was right. */
async function isWell(test: Workload, { units }: DrainReport, target: string): Promise<void> {
  const unit = units.find((found) => found.target === target);
  expect(unit, target).toMatchObject({ result: 'moved', where: 'destination' });
  test.mover.at = unit?.to as NodeName;
  await progresses(test.mover, 20);
  await progresses(test.stayer, 20);
  await signal(test.mover, 'USR1');
  await goodVerdicts(test);
}

/** It is on a as before, and everything it sent and got was right. */
async function runsOnAtHome(test: Workload): Promise<void> {
  expect(await isAlive('a', test.mover.pid)).toBe(true);
  await progresses(test.mover, 20);
  await signal(test.mover, 'USR1');
  await goodVerdicts(test);
}

const summary = ({ units }: DrainReport) =>
  units.map(
    ({ target, to, result, reason, report }) =>
      `${target} -> ${to}: ${result}, frozen ${report?.frozenMs} ms ${reason ?? ''} ${report?.warnings.join('; ')}`,
  );

describe('a fleet', () => {
  vi.setConfig({ testTimeout: 900_000 });
  useSweptLab();
  afterEach(() => removeContainers('a', 'b', 'c'));

  it('has ranges of numbers that do not meet, keeps them, and tells who does not answer', async () => {
    const ranges = 'cat /proc/sys/net/rdma_rxe/*_range';
    try {
      const planned = await roam<AssignReport>('a', ['nodes', '--assign-ranges', '--dry-run', 'a', 'b', 'c']);
      expect(planned.applied).toBe(false);
      expect(new Set((await inAllNodes(ranges)).map(({ text }) => text)).size).toBe(1);
      const given = await roam<AssignReport>('a', ['nodes', '--assign-ranges', 'a', 'b', 'c']);
      expect(given.assignments).toEqual(planned.assignments);
      const found = await inAllNodes(ranges);
      expect(new Set(found.map(({ text }) => text)).size).toBe(3);
      const again = await roam<AssignReport>('a', ['nodes', '--assign-ranges', 'a', 'b', 'c']);
      expect(again.assignments).toEqual(given.assignments.map((own) => ({ ...own, kept: true })));
      // What udev runs when the module is loaded.
      await script('b', 'sh /usr/lib/roam/guest/load-rxe roam; sysctl --load=/etc/sysctl.d/90-roam.conf');
      expect((await inAllNodes(ranges)).map(({ text }) => text)).toEqual(found.map(({ text }) => text));
      const pid = await (await node('b')).start(['/usr/lib/roam/workloads/unsupported', 'ud'], {
        log: '/root/ud.out',
      });
      const first = given.assignments[1]?.ranges.qpn[0] ?? 0;
      const qps = 'until grep -q running /root/ud.out; do sleep 0.1; done; rdma resource show qp';
      expect(await script('b', qps)).toContain(`lqpn ${first} `);
      const answer = await nodes('b', 'nobody.invalid');
      expect(answer).toMatchObject({ exitCode: 1, ok: false });
      expect(answer.nodes).toMatchObject([
        {
          ok: true,
          facts: { movables: [{ target: `pid:${pid}`, comm: 'unsupported', qpns: [first, first + 1] }] },
        },
        { ok: false, error: { code: 'SSH_FAILED' } },
      ]);
      await script('b', 'kill "$1"', [String(pid)]);
    } finally {
      await inAllNodes(
        'rm -f /etc/sysctl.d/90-roam.conf /etc/udev/rules.d/90-roam.rules; sh /usr/lib/roam/guest/load-rxe roam',
      );
    }
  });

  it('empties a host: two processes, and a container with its address', async () => {
    const one = await serverOnA('one-', 'b', 18610);
    const two = await serverOnA('two-', 'c', 18620);
    const db = await startInContainer('db', { on: 'a', peer: 'b' });
    const targets = [`pid:${one.mover.pid}`, `pid:${two.mover.pid}`, 'runc:db'];
    expect((await movables('a', 'b')).a?.sort()).toEqual([...targets].sort());

    const byTarget = (report: DrainReport) => new Map(report.units.map((unit) => [unit.target, unit]));
    const report = await drain('--to', 'b,c', '--sync-bundles');
    console.log(summary(report).join('\n'));
    expect(report, summary(report).join('\n')).toMatchObject({ ok: true, exitCode: 0, host: 'a' });
    expect(byTarget(report).get('runc:db')?.ip).toBe(`${MOVING_IP}/24`);
    expect((await movables('a')).a).toEqual([]);
    await isWell(one, report, targets[0] as string);
    await isWell(two, report, targets[1] as string);
    const at = byTarget(report).get('runc:db')?.to as NodeName;
    expect(await containers('a')).toEqual([]);
    db.mover.pid = await pidOf(at, 'db');
    db.mover.log = `${bundleOf('db')}/data/out`;
    await isWell(db, report, 'runc:db');
  });

  it('moves two at once', async () => {
    const one = await serverOnA('one-', 'b', 18610);
    const two = await serverOnA('two-', 'c', 18620);
    const report = await drain('--to', 'b,c', '--parallel', '2');
    console.log(summary(report).join('\n'));
    expect(report, summary(report).join('\n')).toMatchObject({ ok: true, exitCode: 0 });
    const spans = report.units.map(({ report: done }) => {
      const begin = Date.parse(done?.startedAt ?? '');
      const last = done?.phases.at(-1);
      return [begin, begin + (last?.startMs ?? 0)] as const;
    });
    const [a, b] = spans as [readonly [number, number], readonly [number, number]];
    expect(a[0] < b[1] && b[0] < a[1], `at the same time: ${spans}`).toBe(true);
    await isWell(one, report, `pid:${one.mover.pid}`);
    await isWell(two, report, `pid:${two.mover.pid}`);
  });

  it('moves nothing when something cannot move, and says why', async () => {
    const test = await serverOnA('one-', 'c', 18610);
    const other = await (await node('a')).start(['/usr/lib/roam/workloads/unsupported', 'rdma_cm'], {
      log: '/root/cm.out',
    });
    await script('a', 'until grep -q running /root/cm.out; do sleep 0.1; done');
    const report = await drain('--to', 'b');
    expect(report.exitCode).toBe(1);
    expect(
      report.units.map(({ target, result }) => `${target} ${result}`).sort(),
      summary(report).join('\n'),
    ).toEqual([`pid:${test.mover.pid} not begun`, `pid:${other} refused`].sort());
    expect(report.units.find(({ pid }) => pid === other)?.reason).toContain('rdma_cm');
    await script('a', 'kill -USR1 "$1"', [String(other)]);
    await runsOnAtHome(test);
  });

  it('stops at the first failure, which runs on where it was', async () => {
    const one = await serverOnA('one-', 'c', 18610);
    const two = await serverOnA('two-', 'c', 18620);
    const sabotage = await whenImagesArrive(
      'b',
      `mv ${PLUGIN} /root/plugin.so`,
      `mv /root/plugin.so ${PLUGIN}`,
    );
    const report = await drain('--to', 'b');
    await sabotage.undo();
    expect(report.exitCode).toBe(1);
    expect(
      report.units.map(({ result, where }) => `${result}, ${where}`),
      summary(report).join('\n'),
    ).toEqual(['failed, source', 'not begun, source']);
    for (const test of [one, two]) await runsOnAtHome(test);
  });
});
