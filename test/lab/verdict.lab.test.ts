import { describe, expect, it } from 'vitest';
import { useSweptLab } from './support/hooks.js';
import { verdictMove } from './support/verdict.js';

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
});
