import { describe, expect, it } from 'vitest';
import { useSweptLab } from './support/hooks.js';
import { goodVerdicts, move, progressOf, signal, startWorkload } from './support/verdict.js';

describe('a connection that rests', () => {
  useSweptLab();

  it('an idle connection that is used only after the move', { timeout: 500_000 }, async () => {
    const args = ['--idle', '--count', '200', '--events'];
    for (const first of ['mover', 'stayer'] as const) {
      const test = await startWorkload({
        server: 'a',
        client: 'c',
        moving: 'server',
        address: 'changed',
        args,
      });
      await move(test, 'b');
      expect(await progressOf(test.mover), 'an idle connection has no traffic').toBe(0);
      await signal(test[first], 'USR1');
      const { mover } = await goodVerdicts(test);
      expect(mover.sent).toBeGreaterThan(50);
    }
  });
});
