import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { useSweptLab } from '../support/hooks.js';
import { inAllNodes, MOVING_IP, node, script } from '../support/lab.js';
import { isAlive, migrate, migrateFails } from '../support/migrate.js';
import { certificates, listenerLog, listenerOf, startListeners, stopListeners } from '../support/tls.js';
import { goodVerdicts, progresses, signal, startWorkload, type Workload } from '../support/verdict.js';

const IP = `${MOVING_IP}/24`;

/** What a migration leaves on any node until it is over. */
const LEFT = 'ls -d /dev/shm/roam-* /var/lib/roam/*.json 2>/dev/null; true';

describe('by mutual TLS, without ssh,', () => {
  useSweptLab();
  let test: Workload;

  beforeEach(async () => {
    await startListeners();
    test = await startWorkload({
      ...{ server: 'a', client: 'c', moving: 'server', address: 'floating' },
      args: ['--events', '--rate', '20'],
    });
    await progresses(test.stayer, 5);
  });
  afterEach(stopListeners);

  const ends = async () => {
    await progresses(test.mover, 5);
    await progresses(test.stayer, 5);
    await signal(test.mover, 'USR1');
    await goodVerdicts(test);
  };

  it('a process moves, and not a byte of it is wrong', async () => {
    const report = await migrate('a', test.mover.pid, {
      to: listenerOf('b'),
      ip: IP,
      extra: [...certificates(), '--pre-copy', '--max-rounds', '2', '--compress', 'zstd'],
    });
    console.log(JSON.stringify(report.wire));
    expect(report.wire).toMatchObject({ channel: 'tls', asked: 'zstd' });
    expect(report.wire.compressedBytes).toBeGreaterThan(0);
    expect(report.wire.wireBytes).toBeLessThan(report.wire.bytes);
    test.mover.at = 'b';
    await ends();
    expect(await listenerLog('b')).not.toMatch(/refused|nothing came/);
  });

  it('a foreign certificate is refused, and both hosts say so', async () => {
    const extra = certificates('stranger');
    const failure = await migrateFails('a', test.mover.pid, { to: listenerOf('b'), ip: IP, extra });
    expect(failure).toMatchObject({ code: 'TLS_REFUSED', phase: 'preflight' });
    expect(failure.message).toContain('is not one of --peer-cert');
    expect(await listenerLog('b')).toMatch(/: refused: its certificate \(SHA-256 /);
    expect(await isAlive('a', test.mover.pid)).toBe(true);
    await ends();
  });

  it('an engine that is killed while the destination restores is recovered from', async () => {
    const argv = ['roam', 'migrate', `pid:${test.mover.pid}`, '--to', listenerOf('b'), '--ip', IP];
    await script('a', ': >/root/engine.err');
    const engine = await (await node('a')).start(
      [
        ...['sh', '-c', 'exec "$@" >/root/engine.out 2>/root/engine.err', 'sh'],
        ...[...argv, ...certificates(), '--json', '--progress'],
      ],
      { log: '/root/engine.log' },
    );
    await script(
      'a',
      `until grep -q '^address ' /root/engine.err; do sleep 0.05; kill -0 "$1" || { cat /root/engine.*; exit 1; }; done; kill -9 "$1"`,
      [String(engine)],
      150_000,
    );
    const nothingLeft = async () => (await inAllNodes(LEFT)).every(({ text }) => text.trim() === '');
    for (const until = Date.now() + 120_000; !(await nothingLeft()) && Date.now() < until; )
      await sleep(2000);
    expect((await inAllNodes(LEFT)).map(({ text }) => text.trim())).toEqual(['', '', '']);
    expect(await isAlive('a', test.mover.pid)).toBe(true);
    expect(await isAlive('b', test.mover.pid)).toBe(false);
    await ends();
  });
});
