import { describe, expect, it } from 'vitest';
import { useSweptLab } from './support/hooks.js';
import { lines, script } from './support/lab.js';
import { move, signal, startWorkload, verdictMove, verdicts } from './support/verdict.js';

describe('every byte and every sequence number across a move', () => {
  useSweptLab();

  it('server, new address: SEND, WRITE, READ and atomics', async () => {
    const { mover, stayer } = await verdictMove({
      from: 'a',
      to: 'b',
      peer: 'c',
      moving: 'server',
      address: 'changed',
    });
    for (const { ops } of [mover, stayer])
      for (const count of Object.values(ops)) expect(count).toBeGreaterThan(0);
  });

  it('client, floating address, 8 QPs, events', async () => {
    const args = ['--qps', '8', '--events', '--rate', '30'];
    const { report } = await verdictMove({
      from: 'b',
      to: 'a',
      peer: 'c',
      moving: 'client',
      address: 'floating',
      args,
    });
    expect(report.objects.qp).toHaveLength(8);
  });

  it('several contexts and threads, events', async () => {
    const args = ['--multi-context', '2', '--threads', '3', '--events', '--rate', '30', '--size', '4096'];
    const { report } = await verdictMove({
      from: 'a',
      to: 'b',
      peer: 'c',
      moving: 'server',
      address: 'changed',
      args,
    });
    expect(report.objects.qp).toHaveLength(6);
    expect(report.objects.cq).toBe(12);
  });

  it('a process tree with several RDMA processes', async () => {
    const args = ['--fork', '3', '--events', '--rate', '50', '--size', '4096'];
    const { report } = await verdictMove({
      from: 'b',
      to: 'c',
      peer: 'a',
      moving: 'client',
      address: 'changed',
      args,
    });
    expect(report.pids).toHaveLength(4);
  });

  it('QPs in every state stay what they were, and can go on', async () => {
    const test = await startWorkload({
      program: 'qpstates',
      server: 'a',
      client: 'c',
      moving: 'server',
      address: 'changed',
    });
    const before = await states('a', test.mover.pid);
    expect(before).toEqual(['ERR', 'INIT', 'RESET', 'RTR', 'RTS', 'SQD']);
    await move(test, 'b');
    expect(await states('b', test.mover.pid)).toEqual(before);
    await signal(test.stayer, 'USR1');
    await signal(test.mover, 'USR1');
    const all = await verdicts(test);
    for (const { ok, errors } of all) expect({ ok, errors }).toEqual({ ok: true, errors: [] });
  });
});

async function states(name: 'a' | 'b', pid: number): Promise<string[]> {
  const text = await script(name, 'rdma resource show qp | grep " pid $1 "', [String(pid)]);
  return lines(text)
    .map((line) => / state (\w+)/.exec(line)?.[1] ?? line)
    .sort();
}
