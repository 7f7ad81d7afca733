import { describe, expect, it } from 'vitest';
import { useSweptLab } from '../support/hooks.js';
import { script } from '../support/lab.js';
import { move, signal, startWorkload, verdicts } from '../support/verdict.js';

/** What each end has sent in the end. */
const SENT = {
  srq: { mover: 0, stayer: 20 },
  ud: { mover: 6, stayer: 8 },
  uc: { mover: 6, stayer: 8 },
  mw: { mover: 1, stayer: 2 },
};

describe('objects that move with their process, used by a peer', () => {
  useSweptLab();

  it.each([
    ['srq', 'floating'],
    ['srq', 'changed'],
    ['ud', 'floating'],
    ['uc', 'floating'],
    ['mw', 'floating'],
    ['mw', 'changed'],
  ] as const)('%s, address %s', async (kind, address) => {
    const test = await startWorkload({
      program: 'objects',
      server: 'a',
      client: 'c',
      moving: 'server',
      address,
      args: [kind],
    });
    await move(test, 'b');
    await signal(test.mover, 'USR1');
    await script('b', "until grep -q -e ^checked -e '^{' /root/workload-server.out; do sleep 0.1; done");
    await signal(test.stayer, 'USR1');
    const all = await verdicts(test);
    for (const { ok, errors } of all) expect({ ok, errors }).toEqual({ ok: true, errors: [] });
    const [mover, stayer] = all;
    expect(mover).toMatchObject({ sent: SENT[kind].mover, received: SENT[kind].stayer });
    expect(stayer).toMatchObject({ sent: SENT[kind].stayer, received: SENT[kind].mover });
  });
});
