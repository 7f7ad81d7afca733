import { describe, it } from 'vitest';
import { useSweptLab } from './support/hooks.js';
import { pacedLink } from './support/pace.js';
import {
  goodVerdicts,
  move,
  progresses,
  signal,
  startWorkload,
  type WorkloadOptions,
} from './support/verdict.js';

const WORKLOAD: WorkloadOptions = {
  server: 'a',
  client: 'c',
  moving: 'server',
  address: 'changed',
  // The last acknowledgement may be lost more than once.
  args: ['--events', '--linger', '5'],
};

describe('with packets lost and repeated', () => {
  useSweptLab(pacedLink('loss 1% duplicate 0.5%'));

  it('every byte arrives once, without a move', async () => {
    const test = await startWorkload(WORKLOAD);
    await progresses(test.stayer, 150);
    await progresses(test.mover, 150);
    await signal(test.mover, 'USR1');
    await goodVerdicts(test);
  });

  it('every byte arrives once, with a move', async () => {
    const test = await startWorkload(WORKLOAD);
    await progresses(test.stayer, 100);
    await move(test, 'b');
    await progresses(test.mover, 100);
    await progresses(test.stayer, 100);
    await signal(test.mover, 'USR1');
    await goodVerdicts(test);
  });
});
