import { describe, expect, it } from 'vitest';
import type { ImageDifference, ImageReport, QpInfo } from '../../../dist/index.js';
import { useSweptLab } from '../support/hooks.js';
import { lines, type NodeName, node, script } from '../support/lab.js';
import { migrate } from '../support/migrate.js';
import { goodVerdicts, progresses, signal, startWorkload } from '../support/verdict.js';

async function json<T>(name: NodeName, ...argv: string[]): Promise<T> {
  return JSON.parse((await (await node(name)).exec(['roam', ...argv, '--json'])).stdout);
}

/** The directories of images that migrations have left on a node, oldest first. */
async function kept(name: NodeName): Promise<string[]> {
  return lines(await script(name, 'ls -dtr /dev/shm/roam-*'));
}

describe('roam inspect', () => {
  useSweptLab();

  it('tells what the source had, and what a way there and back has changed', async () => {
    for (const name of ['a', 'b'] as const) await script(name, 'rm -rf /dev/shm/roam-*');
    const test = await startWorkload({
      server: 'a',
      client: 'c',
      moving: 'server',
      address: 'changed',
      args: ['--qps', '2', '--rate', '20', '--events', '--size', '4096'],
    });
    const { pid } = test.mover;
    await progresses(test.stayer);
    const had = (await json<QpInfo[]>('a', 'qps')).filter((qp) => qp.pid === pid);
    expect(had).toHaveLength(2);
    const keys = await script('a', 'rdma resource show mr | grep " pid $1 "', [String(pid)]);
    const there = await migrate('a', pid, { to: 'b', extra: ['--keep-images', '--pre-copy'] });
    test.mover.at = 'b';
    await progresses(test.mover);

    const [first = ''] = await kept('a');
    expect(there.images?.source).toBe(first);
    const source = await json<ImageReport>('a', 'inspect', first);
    expect(source.rounds.length).toBe(there.rounds?.length);
    expect(source.processes).toMatchObject([{ pid, comm: 'verdict' }]);
    expect(source.processes[0]?.threads).toContain(pid);
    const [context] = source.contexts;
    expect(source.contexts).toHaveLength(1);
    expect(context).toMatchObject({ device: 'rxe0', pids: [pid] });
    const qps = context?.qps ?? [];
    expect(qps.map(({ qpn }) => qpn).sort()).toEqual(had.map(({ qpn }) => qpn).sort());
    for (const before of had) {
      const qp = qps.find(({ qpn }) => qpn === before.qpn);
      const { destQpn, type, state, sgid, dgid, handle } = before;
      expect(qp).toMatchObject({ destQpn, type, state, sgid, dgid, handle, epoch: before.epoch + 1 });
      expect(qp?.migrationState).toBe('stopped');
      // It has gone on since, by less than half of the circle that PSNs are.
      for (const [now, then] of [
        [qp?.psn.req, before.reqPsn],
        [qp?.psn.comp, before.compPsn],
        [qp?.psn.resp, before.respPsn],
      ])
        expect(((now ?? 0) - (then ?? 0)) & 0xffffff).toBeLessThan(1 << 22);
      expect(((qp?.psn.req ?? 0) - (qp?.psn.comp ?? 0)) & 0xffffff).toBeLessThan(256);
    }
    const lkeys = [...keys.matchAll(/lkey 0x([\da-f]+)/g)].map(([, hex = '']) => Number.parseInt(hex, 16));
    expect(context?.mrs.map(({ lkey }) => lkey).sort()).toEqual(lkeys.sort());
    expect(there.objects.mr.map(({ lkey }) => lkey).sort()).toEqual(lkeys.sort());
    expect(context?.cqs).toHaveLength(there.objects.cq);
    for (const { channel } of context?.cqs ?? []) expect(channel).toMatch(new RegExp(`^pid ${pid} fd \\d+$`));
    // The pages are where they went.
    const [copy = ''] = await kept('b');
    const destination = await json<ImageReport>('b', 'inspect', copy);
    expect(source.processes[0]?.memory?.pages).toBeUndefined();
    expect(destination.processes[0]?.memory?.pages?.present).toBeGreaterThan(0);
    expect(destination.contexts).toEqual(source.contexts);

    await migrate('b', pid, { to: 'a', extra: ['--keep-images'] });
    test.mover.at = 'a';
    await progresses(test.mover);
    const [, second = ''] = await kept('a');
    const difference = await json<ImageDifference>('a', 'inspect', first, second);
    expect(difference).toMatchObject({ added: [], removed: [] });
    const changed = new Map<string, unknown>();
    for (const { kind, name, field, before, after } of difference.changed)
      changed.set(`${kind} ${name} ${field}`, [before, after]);
    for (const qp of qps) {
      const named = (field: string) => changed.get(`QP ${context?.name} QPN ${qp.qpn} ${field}`);
      expect(named('epoch')).toEqual([qp.epoch, qp.epoch + 1]);
      expect(named('sgid')).toEqual([`::ffff:${(await node('a')).ip}`, `::ffff:${(await node('b')).ip}`]);
      expect(named('psn.req')).toEqual([qp.psn.req, expect.any(Number)]);
    }
    expect(difference.changed.filter(({ kind }) => kind === 'MR')).toEqual([]);
    expect(await script('a', 'roam inspect "$1" "$2"', [first, second])).toMatch(/QPN \d+ +epoch +1 +2$/m);

    const cut = `${second}/images/roam-rdma-ctx-0.img`;
    await script('a', 'truncate -s -1 "$1"', [cut]);
    const { exitCode, stdout } = await (await node('a')).exec(['roam', 'inspect', second, '--json'], {
      reject: false,
    });
    expect(exitCode).toBe(1);
    expect(JSON.parse(stdout).error).toMatchObject({ code: 'IMAGE_INVALID' });
    expect(JSON.parse(stdout).error.message).toContain(cut);
    for (const name of ['a', 'b'] as const) await script(name, 'rm -rf /dev/shm/roam-*');

    await signal(test.mover, 'USR1');
    await goodVerdicts(test);
  });
});
