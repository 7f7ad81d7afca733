import { describe, expect, it } from 'vitest';
import { useSweptLab } from './support/hooks.js';
import { node, script, workload } from './support/lab.js';
import { migrate } from './support/migrate.js';
import { PATIENCE } from './support/patience.js';
import { goodVerdicts, move, progressOf, signal, startWorkload } from './support/verdict.js';

describe('a process that rests', () => {
  useSweptLab();

  it('an idle connection that is used only after the move', { timeout: 500_000 * PATIENCE }, async () => {
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

  it('system calls in which threads sleep go on after the move', async () => {
    const log = '/root/sleeper.out';
    const pid = await (await node('a')).start([workload('sleeper')], { log });
    await script('a', 'until grep -q asleep "$1"; do sleep 0.1; done', [log]);
    const extra = ['--report', '/root/moved.html', '--support-bundle', '/root/moved.tgz'];
    const { restartedCalls } = await migrate('a', pid, { to: 'b', extra });
    expect(await script('a', 'tar -tzf /root/moved.tgz')).toContain('destination/images/restore.log');
    expect(await script('a', 'grep -c "commit point" /root/moved.html')).not.toBe('0');
    expect(restartedCalls.map(({ call }) => call).sort()).toEqual(['epoll_wait', 'futex', 'poll', 'poll']);
    await script('b', 'kill -USR1 "$1"; until grep -E "good|bad" "$2"; do sleep 0.1; done', [
      String(pid),
      log,
    ]);
    expect(await script('b', 'cat "$1"', [log])).toBe('asleep\ngood');
  });
});
