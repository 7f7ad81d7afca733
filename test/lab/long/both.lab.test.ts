import { describe, expect, it } from 'vitest';
import { counters, setKey } from '../support/forger.js';
import { useSweptLab } from '../support/hooks.js';
import { script } from '../support/lab.js';
import { migrate } from '../support/migrate.js';
import { installSlowCriu, SLOW_CRIU } from '../support/quiet.js';
import { goodVerdicts, progresses, signal, startWorkload } from '../support/verdict.js';

describe('both ends move at once, each to another address', () => {
  useSweptLab();

  it.each(['none', 'a0a1a2a3a4a5a6a7a8a9aaabacadaeaf'])(
    'and find each other, with the key %s',
    async (key) => {
      await setKey(['a', 'b', 'c'], key);
      // Where the one leaves, the other comes: their process ids must not be the same.
      await script('c', 'echo 20000 >/proc/sys/kernel/ns_last_pid');
      await installSlowCriu(['a', 'b', 'c']);
      const test = await startWorkload({
        server: 'a',
        client: 'c',
        moving: 'server',
        address: 'changed',
        args: ['--rate', '20', '--events'],
      });
      await progresses(test.stayer);
      const before = await forwarded();
      const extra = ['--criu', SLOW_CRIU];
      await Promise.all([
        migrate('a', test.mover.pid, { to: 'b', extra }),
        migrate('c', test.stayer.pid, { to: 'a', extra }),
      ]);
      test.mover.at = 'b';
      test.stayer.at = 'a';
      await progresses(test.mover);
      await progresses(test.stayer);
      await signal(test.stayer, 'USR1');
      await goodVerdicts(test);
      // Neither end was where the other one sought it first.
      expect(await forwarded()).toBeGreaterThan(before);
    },
  );
});

/** Resumes that the two hosts which were left have sent on. */
async function forwarded(): Promise<number> {
  return (await counters('a')).resumeForwarded + (await counters('c')).resumeForwarded;
}
