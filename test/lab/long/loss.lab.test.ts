import { describe, it } from 'vitest';
import { useSweptLab } from '../support/hooks.js';
import { PACED_LINK } from '../support/pace.js';
import { goodVerdicts, move, progresses, signal, startWorkload } from '../support/verdict.js';

describe('with packets lost and repeated', () => {
  useSweptLab(`${PACED_LINK} loss 1% duplicate 0.5%`);

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
