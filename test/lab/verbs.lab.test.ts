// The binding against a real rxe: programs of test/guest, and other people's programs as peers.
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { installGuest, runGuest, THERE } from './support/guest.js';
import { useSweptLab } from './support/hooks.js';
import { gidIndex, node, script } from './support/lab.js';
import { FAST_LINK } from './support/pace.js';

const PYVERBS_PEER = fileURLToPath(new URL('../guest/pyverbs_peer.py', import.meta.url));

// The other programs of test/guest run under the sanitizers, and without them among the long tests.
describe('verbs for Node', () => {
  useSweptLab(FAST_LINK);
  beforeAll(installGuest);

  it('carry every operation', () => runGuest('traffic.test.mjs'));
  it('post in batches, and are told of completions in every way', () => runGuest('completions.test.mjs'));
  it('make every object that rxe has', () => runGuest('objects.test.mjs'));
  it('outlast a device that goes', () => runGuest('removal.test.mjs', { least: 4 }));

  it('carry every operation from and to pyverbs', async () => {
    const [a, c] = [await node('a'), await node('c')];
    await c.push(PYVERBS_PEER, '/root/pyverbs_peer.py');
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
