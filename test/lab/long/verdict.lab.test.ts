import { describe, expect, it } from 'vitest';
import { useSweptLab } from '../support/hooks.js';
import {
  goodVerdicts,
  move,
  progresses,
  signal,
  startWorkload,
  verdictMove,
  verdicts,
} from '../support/verdict.js';

describe('every byte and every sequence number, in longer stories', () => {
  useSweptLab();

  it('1 MiB messages', async () => {
    const args = ['--size', '1048576'];
    await verdictMove({
      from: 'a',
      to: 'b',
      peer: 'c',
      moving: 'server',
      address: 'floating',
      args,
      requests: 5,
    });
  });

  it('a slow connection, which rests at most moments', async () => {
    const args = ['--rate', '20', '--events', '--qps', '2'];
    await verdictMove({ from: 'c', to: 'b', peer: 'a', moving: 'client', address: 'changed', args });
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

  it('to the host of its peer, and away again', async () => {
    const test = await startWorkload({ server: 'a', client: 'c', moving: 'server', address: 'changed' });
    await progresses(test.stayer);
    await move(test, 'c');
    await progresses(test.mover);
    await move(test, 'b');
    await progresses(test.mover);
    await signal(test.stayer, 'USR1');
    await goodVerdicts(test);
  });

  it('both ends, one after the other', async () => {
    const test = await startWorkload({ server: 'a', client: 'b', moving: 'server', address: 'changed' });
    await progresses(test.stayer);
    await move(test, 'c');
    await progresses(test.mover);
    [test.mover, test.stayer] = [test.stayer, test.mover];
    await move(test, 'a');
    await progresses(test.mover);
    await signal(test.mover, 'USR1');
    await goodVerdicts(test);
  });
});

describe('the workload itself', () => {
  useSweptLab();

  const faults = [
    'corrupt',
    'corrupt-write',
    'corrupt-read@3',
    'drop',
    'repeat',
    'drop-write',
    'repeat-add',
    'repeat-write',
  ];
  it.each(faults)('sees a fault: %s', async (fault) => {
    const test = await startWorkload({
      server: 'a',
      client: 'b',
      moving: 'server',
      address: 'changed',
      args: ['--count', '400'],
      serverArgs: ['--fault', fault],
    });
    const all = await verdicts(test);
    expect(all.map(({ ok }) => ok)).toContain(false);
    expect(all.flatMap(({ errors }) => errors)).not.toEqual([]);
  });
});
