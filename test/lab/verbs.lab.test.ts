// The binding against a real rxe: programs of test/guest run by Node's own test runner inside a node.
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { useSweptLab } from './support/hooks.js';
import { gidIndex, node, script } from './support/lab.js';
import { FAST_LINK } from './support/pace.js';

const GUEST = fileURLToPath(new URL('../guest', import.meta.url));
const MODULES = fileURLToPath(new URL('../../node_modules', import.meta.url));
/** Below it, Node finds the package as any program does that has it installed. */
const THERE = '/usr/lib/roam-guest';

async function run(file: string, flags: string[] = [], least = 5): Promise<void> {
  const { exitCode, stdout, stderr } = await (await node('a')).exec(
    ['node', ...flags, '--test', '--test-reporter=spec', `${THERE}/${file}`],
    { timeout: 200_000, reject: false },
  );
  const passed = Number(/ℹ pass (\d+)/.exec(stdout)?.[1] ?? 0);
  expect(exitCode, `${stdout}\n${stderr}`).toBe(0);
  expect(passed, stdout).toBeGreaterThanOrEqual(least);
  console.log(
    stdout
      .split('\n')
      .filter((line) => /✔|✖|﹣/.test(line))
      .join('\n'),
  );
}

describe('verbs for Node', () => {
  useSweptLab(FAST_LINK);

  beforeAll(async () => {
    const a = await node('a');
    await a.exec(['rm', '-rf', THERE]);
    await a.push(GUEST, THERE);
    // What the tests need beside the package.
    for (const name of ['fast-check', 'pure-rand'])
      await a.push(`${MODULES}/${name}`, `${THERE}/node_modules/${name}`);
  });

  it('carry every operation, as promises and in batches', () => run('traffic.test.mjs'));
  it('make every object that rxe has', () => run('objects.test.mjs'));
  it('keep and end them as they should', () => run('lifetime.test.mjs'));
  it('survive what programs do to them', () => run('robust.test.mjs'));
  it('take steps in any order', () => run('orders.test.mjs', ['--expose-gc'], 1));
  it('connect by rdma_cm', () => run('rdmacm.test.mjs'));

  it('carry every operation from and to pyverbs', async () => {
    const [a, c] = [await node('a'), await node('c')];
    await c.push(`${GUEST}/pyverbs_peer.py`, '/root/pyverbs_peer.py');
    await a.start(['node', `${THERE}/pyverbs.mjs`, a.ip, '18530'], { log: '/root/pyverbs.out' });
    await script('a', 'until grep -q listening /root/pyverbs.out; do sleep 0.1; done');
    const gid = String(await gidIndex('c', c.ip));
    const { stdout } = await c.exec(['python3', '/root/pyverbs_peer.py', a.ip, '18530', gid]);
    expect(stdout).toBe('good');
    await script('a', 'until grep -q "^good" /root/pyverbs.out; do sleep 0.1; done');
  });

  it('connect by rdma_cm to a program of librdmacm', async () => {
    const c = await node('c');
    await c.start(['rping', '-s', '-a', c.ip, '-p', '7174', '-C', '20'], { log: '/root/rping.out' });
    await script('c', 'until rdma resource show cm_id | grep -q 7174; do sleep 0.2; done');
    const { stdout } = await (await node('a')).exec(['node', `${THERE}/rping.mjs`, c.ip, '7174', '20']);
    expect(stdout).toBe('20 rounds');
    await script('c', 'while pidof rping; do sleep 0.2; done');
    expect(await script('c', 'grep -i "error\\|fail" /root/rping.out || true')).toBe('');
  });
});
