import { describe, expect, it } from 'vitest';
import { useSweptLab } from '../support/hooks.js';
import { goodVerdicts, move, progresses, signal, startWorkload } from '../support/verdict.js';

const MOVES = Number(process.env.ROAM_MOVES ?? 100);
const A_MOVE = 120_000;

describe('one process, moved back and forth', () => {
  useSweptLab();

  it.each(['floating', 'changed'] as const)(
    `${MOVES / 2} times, address: %s`,
    { timeout: MOVES * A_MOVE },
    async (address) => {
      const test = await startWorkload({ server: 'a', client: 'c', moving: 'server', address });
      for (let n = 1; n <= MOVES / 2; n++) {
        await progresses(test.stayer, 5);
        const { frozenMs, bytes } = await move(test, test.mover.at === 'a' ? 'b' : 'a');
        console.log(`move ${n} of ${MOVES / 2}: ${frozenMs.toFixed(0)} ms, ${bytes} bytes in the freeze`);
      }
      await progresses(test.mover);
      await signal(test.mover, 'USR1');
      const { mover, stayer } = await goodVerdicts(test, A_MOVE);
      expect(Math.min(mover.sent, stayer.sent)).toBeGreaterThan(MOVES / 2);
    },
  );
});
