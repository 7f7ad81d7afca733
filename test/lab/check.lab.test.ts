import { describe, expect, it } from 'vitest';
import type { Finding } from '../../dist/index.js';
import { useSweptLab } from './support/hooks.js';
import { node, script, workload } from './support/lab.js';
import { isAlive } from './support/migrate.js';

async function check(...argv: string[]) {
  const { exitCode, stdout } = await (await node('a')).exec(['roam', 'check', ...argv, '--json'], {
    reject: false,
  });
  return { exitCode, answer: JSON.parse(stdout) };
}

const findingsOf = (answer: { findings: Finding[] }) => answer.findings;

async function start(argv: string[], ready: string): Promise<number> {
  const log = '/root/checked.out';
  const pid = await (await node('a')).start(argv, { log });
  await script('a', 'until grep -q "$2" "$1"; do sleep 0.1; done', [log, ready]);
  return pid;
}

describe('roam check', () => {
  useSweptLab();

  it('says that nothing stands in the way, and touches nothing', async () => {
    const pid = await start([workload('sleeper')], 'asleep');
    const { exitCode, answer } = await check(`pid:${pid}`, '--to', 'b');
    expect(answer).toMatchObject({
      ok: true,
      pid,
      comm: 'sleeper',
      source: 'a',
      destination: 'b',
    });
    expect(exitCode).toBe(0);
    // Nothing is told of two hosts that fit; their clocks are as the nodes were booted.
    const codes = findingsOf(answer).filter(({ code }) => code !== 'CLOCK_DIFFERS');
    expect(codes).toEqual([]);
    await script('a', 'kill -USR1 "$1"; until grep -qE "good|bad" /root/checked.out; do sleep 0.1; done', [
      String(pid),
    ]);
    expect(await script('a', 'cat /root/checked.out')).toBe('asleep\ngood');
  });

  it('names every reason at once, with its remedy', async () => {
    const pid = await start([workload('unsupported'), 'rdma_cm'], 'running');
    const { exitCode, answer } = await check(`pid:${pid}`, '--to', 'b', '--ip', '10.9.9.9/24');
    expect(exitCode).toBe(1);
    expect(answer.ok).toBe(false);
    const errors = findingsOf(answer).filter(({ severity }) => severity === 'error');
    expect(errors.map(({ code }) => code)).toEqual(
      expect.arrayContaining(['RDMA_OBJECT_UNSUPPORTED', 'ADDRESS_NOT_HERE']),
    );
    const text = JSON.stringify(answer.findings);
    expect(text).toMatch(/cannot move the RDMA object rdma_cm \(descriptor \d+ of process \d+\)/);
    expect(text).toContain('10.9.9.9 is not an address of this host');
    for (const { host, remedy } of errors) expect([host, remedy]).not.toContain(undefined);
    expect(await isAlive('a', pid)).toBe(true);
    await script('a', 'kill -USR1 "$1"', [String(pid)]);
  });

  it('sees where the destination does not fit: its MTU, its clock; and that a group stays behind', async () => {
    const pid = await start([workload('unsupported'), 'ud'], 'running');
    await script('a', 'mkdir -p /sys/fs/cgroup/checked && echo "$1" >/sys/fs/cgroup/checked/cgroup.procs', [
      String(pid),
    ]);
    await script('b', 'ip link set eth0 mtu 700; date -s "@$(($(date +%s) + 100))"');
    try {
      const { answer } = await check(`pid:${pid}`, '--to', 'b');
      const codes = findingsOf(answer).map(({ severity, code, host }) => `${severity} ${code} ${host}`);
      expect(codes).toEqual(
        expect.arrayContaining(['error MTU_SMALLER b', 'warning CLOCK_DIFFERS b', 'info CGROUP_STAYS a']),
      );
    } finally {
      await script('b', 'ip link set eth0 mtu 1500; date -s "@$(($(date +%s) - 100))"');
      await script('a', 'kill -USR1 "$1"', [String(pid)]);
    }
  });

  const AS_NOBODY = 'setpriv --reuid 65534 --regid 65534 --clear-groups';

  it('says that root is needed, as everything does that stops or moves, and nothing else', async () => {
    const pid = await start([workload('sleeper')], 'asleep');
    const a = await node('a');
    for (const command of [
      `check pid:${pid} --to b`,
      `migrate pid:${pid} --to b`,
      'migrate runc:web --to b',
      'drain --to b',
      'recover',
    ]) {
      const words = `${AS_NOBODY} roam ${command}`.split(' ');
      const { exitCode, stdout, stderr } = await a.exec(words, { reject: false });
      expect(exitCode).toBe(1);
      // A migration tells as well which phase it was in.
      expect(stdout).toMatch(/^(preflight +failed after .*: roam is not root .*)?$/);
      expect(stderr.trim().split('\n')).toEqual([
        expect.stringContaining('roam is not root (its user id is 65534)'),
        expect.stringContaining('run it with sudo'),
      ]);
    }
    expect(await isAlive('a', pid)).toBe(true);
    await script('a', 'kill -USR1 "$1"', [String(pid)]);
  });

  it('says so of a login at the destination that is not root', async () => {
    const pid = await start([workload('sleeper')], 'asleep');
    const { exitCode, answer } = await check(`pid:${pid}`, '--to', 'b', '--remote-roam', `${AS_NOBODY} roam`);
    expect(exitCode).toBe(1);
    expect(answer.error).toMatchObject({ code: 'NOT_ROOT', host: 'b' });
    await script('a', 'kill -USR1 "$1"', [String(pid)]);
  });
});
