// A forger on node b, who sees every packet between nodes a and c but has no key.
import { readFile } from 'node:fs/promises';
import type { QpInfo, RxeQuery } from '../../../dist/index.js';
import { type NodeName, node, script } from './lab.js';
import { pacedLink } from './pace.js';
import { signal, startWorkload, type Workload } from './verdict.js';

const KEY = '/proc/sys/net/rdma_rxe/key';

/** Gives nodes the site's key, or `none`; the sweep before the next test takes it away. */
export async function setKey(names: NodeName[], key: string): Promise<void> {
  for (const name of names) await script(name, `echo "$1" >${KEY}`, [key]);
}

export const counters = async (name: NodeName) => (await lookAt(name)).query.counters;

/** What the module of a node knows: its counters and the one connected QP of a process. */
export async function lookAt(name: NodeName): Promise<{ query: RxeQuery; qp: QpInfo }> {
  const program = `
    const { openRxe } = await import('/usr/lib/node_modules/roam-rdma/dist/rxe/index.js');
    const rxe = openRxe('rxe0');
    const [qp] = rxe.listQps().filter(({ type, pid }) => type === 'RC' && pid > 0);
    console.log(JSON.stringify({ query: rxe.query(), qp }));
    rxe.close();`;
  const { stdout } = await (await node(name)).exec(['node', '--input-type=module', '-e', program], {
    timeout: 30_000,
  });
  return JSON.parse(stdout);
}

/** The peer is known from now on: what is resumed waits for its answer. */
async function greetPeer(name: NodeName, qpn: number): Promise<void> {
  const program = `
    const { openRxe } = await import('/usr/lib/node_modules/roam-rdma/dist/rxe/index.js');
    const rxe = openRxe('rxe0');
    rxe.greet(${qpn});
    const isKnown = () => rxe.listQps().some((qp) => qp.qpn === ${qpn} && qp.peerAware);
    for (let n = 0; n < 50 && !isKnown(); n++) await new Promise((done) => setTimeout(done, 20));
    if (!isKnown()) throw new Error('no answer to a greeting');
    rxe.close();`;
  await (await node(name)).exec(['node', '--input-type=module', '-e', program], { timeout: 30_000 });
}

async function look() {
  const [a, c] = await Promise.all([lookAt('a'), lookAt('c')]);
  return { a, c };
}

interface Forged {
  kind: 'nak' | 'resume' | 'resumed';
  source: string;
  destination: string;
  qpn: number;
  epoch: number;
  psn?: number;
  compPsn?: number;
  respPsn?: number;
  tag?: number;
}

export async function forge(messages: Forged[]): Promise<void> {
  const text = messages.map((message) => JSON.stringify(message)).join('\n');
  const program = await readFile(new URL('./forge.py', import.meta.url), 'utf8');
  await script('b', `printf '%s\\n' "$2" | python3 -c "$1"`, [program, text]);
}

export interface Attacked {
  test: Workload;
  /** Of node a, whose Resume was not answered when the forger said Resumed. */
  mover: { state: string; unauthentic: number };
  /** Of node c, with a request under way when the forger said NAK-stopped and then Resume. */
  peer: { state: string; dgid: string; unauthentic: number };
}

/**
 * Every kind of message is forged at the moment when it would be taken, each with every tag of `tags`: with what
 * the forger has seen, from the address that the receiver expects, or from his own.
 */
export async function attack(tags: number[]): Promise<Attacked> {
  const test = await startWorkload({
    server: 'a',
    client: 'c',
    moving: 'server',
    address: 'changed',
    args: ['--idle', '--count', '50', '--events'],
  });
  const [a, b, c] = await Promise.all((['a', 'b', 'c'] as const).map(async (name) => (await node(name)).ip));
  const before = await look();
  await greetPeer('a', before.a.qp.qpn);
  // Nothing of what c says arrives: neither its answers nor its requests.
  await script('c', pacedLink('loss 100%'));
  const qpn = String(before.a.qp.qpn);
  await script('a', 'roam qps stop "$1" && roam qps resume "$1"', [qpn]);
  await signal(test.stayer, 'USR1');
  await script('c', 'sleep 1');
  const { qp } = await lookAt('c');
  const each = (message: Forged) => tags.map((tag) => ({ ...message, tag }));
  await forge([
    ...each({
      kind: 'resumed',
      source: c,
      destination: a,
      qpn: before.a.qp.qpn,
      epoch: 1,
      compPsn: before.a.qp.respPsn,
      respPsn: before.a.qp.compPsn,
    }),
    ...each({ kind: 'nak', source: a, destination: c, qpn: qp.qpn, epoch: 7, psn: qp.compPsn }),
  ]);
  await script('c', 'sleep 1');
  const told = await lookAt('c');
  await forge(
    each({
      kind: 'resume',
      source: b,
      destination: c,
      qpn: qp.qpn,
      epoch: 9,
      compPsn: qp.respPsn,
      respPsn: qp.compPsn,
    }),
  );
  await script('c', 'sleep 1');
  const after = await look();
  const dropped = (end: 'a' | 'c') =>
    after[end].query.counters.unauthentic - before[end].query.counters.unauthentic;
  return {
    test,
    mover: { state: after.a.qp.migrationState, unauthentic: dropped('a') },
    peer: { state: told.qp.migrationState, dgid: after.c.qp.dgid, unauthentic: dropped('c') },
  };
}

/** The network delivers again. */
export const reconnect = () => script('c', pacedLink());
