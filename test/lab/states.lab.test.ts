import { describe, expect, it } from 'vitest';
import { useSweptLab } from './support/hooks.js';
import { lines, script } from './support/lab.js';
import { move, signal, startWorkload, verdicts } from './support/verdict.js';

describe('the six states of a QP', () => {
  useSweptLab();

  it('QPs in every state stay what they were, and can go on', async () => {
    const test = await startWorkload({
      program: 'qpstates',
      server: 'a',
      client: 'c',
      moving: 'server',
      // Not a changed one: a QP that is connected later would be sought at the address that its program had told.
      address: 'floating',
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
