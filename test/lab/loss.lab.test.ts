import { beforeEach, describe, it } from 'vitest';
import { useSweptLab } from './support/hooks.js';
import { PACED_LINK, script } from './support/lab.js';
import { goodVerdicts, move, progresses, signal, startWorkload } from './support/verdict.js';

const NODES = ['a', 'b', 'c'] as const;

describe('with packets lost and repeated', () => {
  useSweptLab();
  beforeEach(() => each(`${PACED_LINK} loss 1% duplicate 0.5%`));

  it('every byte arrives once, without a move', async () => {
    const test = await startWorkload({
      server: 'a',
      client: 'c',
      moving: 'server',
      address: 'changed',
      args: ['--events'],
    });
    await progresses(test.stayer, 1000);
    await progresses(test.mover, 1000);
    await signal(test.mover, 'USR1');
    await goodVerdicts(test);
  });

  it('every byte arrives once, with a move', async () => {
    const test = await startWorkload({
      server: 'a',
      client: 'c',
      moving: 'server',
      address: 'changed',
      args: ['--events'],
    });
    await progresses(test.stayer, 200);
    await move(test, 'b');
    await progresses(test.mover, 200);
    await progresses(test.stayer, 200);
    await signal(test.mover, 'USR1');
    await goodVerdicts(test);
  });
});

async function each(command: string): Promise<void> {
  await Promise.all(NODES.map((name) => script(name, command)));
}
