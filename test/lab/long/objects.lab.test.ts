import { describe, expect, it } from 'vitest';
import { useSweptLab } from '../support/hooks.js';
import { MOVING_IP, node, script, workload } from '../support/lab.js';
import { migrate, migrateFails } from '../support/migrate.js';
import { move, signal, startWorkload, verdicts, type Workload } from '../support/verdict.js';

/** What each end has sent in the end. */
const SENT = {
  srq: { mover: 0, stayer: 20 },
  ud: { mover: 6, stayer: 8 },
  uc: { mover: 6, stayer: 8 },
  mw: { mover: 1, stayer: 2 },
  mr: { mover: 1, stayer: 5 },
  mcast: { mover: 1, stayer: 9 },
};

/** rxe tells the network card of a group; that the kernel takes its packets at all is the host's business. */
const JOIN = `import socket, struct, time
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
for n in (1, 2, 3):
    group = socket.inet_pton(socket.AF_INET6, "ff0e::d1:%d" % n)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group + struct.pack("@I", socket.if_nametoindex("eth0")))
print("joined", flush=True); time.sleep(3600)`;

/** To a group that the other end has left by then. */
const MISSED = { srq: 0, ud: 0, uc: 0, mw: 0, mr: 0, mcast: 1 };

const start = (kind: keyof typeof SENT, address: 'floating' | 'changed'): Promise<Workload> =>
  startWorkload({ program: 'objects', server: 'a', client: 'c', moving: 'server', address, args: [kind] });

async function goesOn(test: Workload, kind: keyof typeof SENT): Promise<void> {
  await signal(test.mover, 'USR1');
  const checked = "until grep -q -e ^checked -e '^{' /root/workload-server.out; do sleep 0.1; done";
  await script(test.mover.at, checked);
  await signal(test.stayer, 'USR1');
  const all = await verdicts(test);
  for (const { ok, errors } of all) expect({ ok, errors }).toEqual({ ok: true, errors: [] });
  const [mover, stayer] = all;
  expect(mover).toMatchObject({ sent: SENT[kind].mover, received: SENT[kind].stayer - MISSED[kind] });
  expect(stayer).toMatchObject({ sent: SENT[kind].stayer, received: SENT[kind].mover });
}

describe('objects that move with their process, used by a peer', () => {
  useSweptLab();

  it.each([
    ['srq', 'floating'],
    ['srq', 'changed'],
    ['ud', 'floating'],
    ['uc', 'floating'],
    ['mw', 'floating'],
    ['mw', 'changed'],
  ] as const)('%s, address %s', async (kind, address) => {
    const test = await start(kind, address);
    await move(test, 'b');
    await goesOn(test, kind);
  });

  it('mcast: a QP in two multicast groups, and an AH for a third', async () => {
    const joined = await Promise.all(
      (['a', 'b', 'c'] as const).map(async (name) => {
        const pid = await (await node(name)).start(['python3', '-c', JOIN], { log: '/root/join.out' });
        await script(name, 'until grep -q ^joined /root/join.out; do sleep 0.1; done');
        return { name, pid };
      }),
    );
    try {
      const test = await start('mcast', 'changed');
      await move(test, 'b');
      await goesOn(test, 'mcast');
    } finally {
      for (const { name, pid } of joined) await script(name, 'kill "$1"', [String(pid)]);
    }
  });

  it('mr: registered memory of every kind, with a file of its own', async () => {
    for (const name of ['a', 'b'] as const)
      await script(name, 'mkdir -p /srv/objects /dev/shm/objects; echo 4 >/proc/sys/vm/nr_hugepages');
    const test = await start('mr', 'floating');
    const extra = ['--sync', '/srv/objects', '--sync', '/dev/shm/objects'];
    await migrate('a', test.mover.pid, { to: 'b', ip: `${MOVING_IP}/24`, extra });
    test.mover.at = 'b';
    await goesOn(test, 'mr');
  });

  it.each([
    ['ud', 'ah', 'ahn', /AH number .* is taken/],
    ['srq', 'srq', 'srqn', /SRQ number .* is taken/],
  ] as const)('%s stays whole when the number of its %s is taken', async (kind, object, range, why) => {
    // One that moved away and back would be told as an async event, which is not what is counted here.
    const test = await start(kind, 'changed');
    const last = Number(await script('a', 'cat "/proc/sys/net/rdma_rxe/last_$1"', [range]));
    const before = await script('b', 'cat "/proc/sys/net/rdma_rxe/last_$1"', [range]);
    const take = `echo $(($1 - 1)) >"/proc/sys/net/rdma_rxe/last_$2"
      setsid ${workload('unsupported')} "$3" >/root/taker.out 2>&1 </dev/null &
      until grep -q running /root/taker.out; do sleep 0.1; done`;
    await script('b', take, [String(last), range, object]);
    try {
      const { message, phase } = await migrateFails('a', test.mover.pid, { to: 'b' });
      expect(phase).toBe('restore');
      expect(message).toMatch(why);
    } finally {
      const free = 'kill -USR1 $(pidof unsupported); echo "$1" >"/proc/sys/net/rdma_rxe/last_$2"';
      await script('b', free, [before.trim(), range]);
    }
    await goesOn(test, kind);
  });
});
