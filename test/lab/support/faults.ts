// A migration that is broken off at a chosen phase, and the proof that nothing of it is lost, doubled or left over.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { inAllNodes, lines, MOVING_IP, type NodeName, node, script } from './lab.js';
import { goodVerdicts, progresses, signal, startWorkload, type Workload } from './verdict.js';

/** Phases in which something can go wrong, and what the progress tells just before. */
export const AFTER = {
  prepare: 'preflight',
  dump: 'announce',
  transfer: 'dump',
  address: 'transfer',
  restore: 'address',
  verify: 'restore',
  commit: 'verify',
  resume: 'commit',
  settle: 'resume',
} as const;
export type FaultPhase = keyof typeof AFTER;
export const FAULT_PHASES = Object.keys(AFTER) as FaultPhase[];

interface Fault {
  at: 'source' | 'destination';
  action: string;
  /** Brings the node back when the engine has given up or ended. */
  repair?: string;
  /** Where else than in every phase it means something. */
  phases?: FaultPhase[];
  /** The move is expected to succeed all the same. */
  harmless?: boolean;
}

const CUT = `nft -f - <<'END'
table inet cut { chain i { type filter hook input priority -300; iifname "eth0" drop; }
chain o { type filter hook output priority -300; oifname "eth0" drop; } }
END`;
const MEND = 'nft delete table inet cut 2>/dev/null; true';

export const FAULTS = {
  'engine killed': { at: 'source', action: 'kill -9 $(cat /root/engine.pid)' },
  'source CRIU killed': {
    at: 'source',
    action: 'pkill -9 -o -x criu',
    phases: ['dump', 'transfer', 'address', 'restore', 'verify', 'commit'],
  },
  'agent killed': { at: 'destination', action: `kill -9 $(pgrep -o -f '[r]oam agent')` },
  'destination CRIU killed': { at: 'destination', action: 'pkill -9 -o -x criu', phases: ['restore'] },
  'link cut for 5 s': { at: 'destination', action: `${CUT}\nsleep 5; ${MEND}`, harmless: true },
  'link cut for good': { at: 'destination', action: CUT, repair: MEND },
  'destination full': {
    at: 'destination',
    action: 'mount -o remount,size=64k /dev/shm',
    repair: 'mount -o remount,size=50% /dev/shm',
    phases: ['dump', 'transfer'],
  },
  'destination lacks the module': {
    at: 'destination',
    action: 'sh /usr/lib/roam/guest/load-rxe stock',
    repair: 'sh /usr/lib/roam/guest/load-rxe roam',
    phases: ['prepare', 'dump'],
  },
  'number taken': {
    at: 'destination',
    action: `cat /proc/sys/net/rdma_rxe/last_qpn >/root/last.qpn
      echo $(($(cat /root/moving.qpn) - 1)) >/proc/sys/net/rdma_rxe/last_qpn
      setsid /usr/lib/roam/workloads/unsupported uc >/root/taker.out 2>&1 </dev/null &
      until grep -q running /root/taker.out; do sleep 0.1; done`,
    repair: 'kill -USR1 $(pidof unsupported); cat /root/last.qpn >/proc/sys/net/rdma_rxe/last_qpn',
    phases: ['prepare', 'dump', 'transfer'],
  },
} satisfies Record<string, Fault>;
export type FaultName = keyof typeof FAULTS;
export const FAULT_NAMES = Object.keys(FAULTS) as FaultName[];

/** Pairs that mean something. */
export const CELLS = FAULT_NAMES.flatMap((fault) => {
  const { phases }: Fault = FAULTS[fault];
  return (phases ?? FAULT_PHASES).map((phase) => ({ phase, fault }));
});

const PORT = 7777;
/** Holds one end of a TCP connection and keeps sending, so that a dead one shows in its queue. */
const TCP_PEER = `import socket, time
listener = socket.create_server(("", ${PORT}))
connection, _ = listener.accept()
while True:
    connection.send(b"x"); time.sleep(0.2)`;

/**
 * Traffic of the checking workload, beside a TCP connection, on an address that moves. Moves between a and b are
 * broken off one after the other, and in the end every byte and every sequence number has to be right.
 */
export class Victim {
  private constructor(private readonly test: Workload) {}

  static async start(): Promise<Victim> {
    await script('c', 'pkill -x python3; true');
    await (await node('c')).start(['python3', '-c', TCP_PEER], { log: '/root/tcp-peer.out' });
    await script('c', `until ss -Hltn | grep -q :${PORT}; do sleep 0.1; done`);
    // Two starts of Node.js and of ssh are what a peer waits for: seconds elsewhere, up to a minute here.
    await inAllNodes('echo 300000 >/proc/sys/net/rdma_rxe/max_hold_ms');
    const connect = `exec 7<>/dev/tcp/10.0.1.8/${PORT}; exec "$@"`;
    const test = await startWorkload({
      server: 'a',
      client: 'c',
      moving: 'server',
      address: 'floating',
      args: ['--events', '--rate', '20'],
      serverPrelude: `[ -n "$BASH_VERSION" ] || exec bash -c '${connect}' bash "$@"`,
    });
    await progresses(test.stayer, 5);
    return new Victim(test);
  }

  /** One cell of the matrix. @returns where the process is now @throws AssertionError that tells what is wrong */
  async breakOff(phase: FaultPhase, fault: FaultName): Promise<'stays' | 'moves'> {
    const { test } = this;
    const { pid, at: from } = test.mover;
    const to = from === 'a' ? 'b' : 'a';
    const answer = await migrateInto(phase, FAULTS[fault], { pid, from, to });
    let found = await look(pid);
    // Each look costs emulated nodes a good part of a second, which is then not the recovery's.
    for (const until = Date.now() + REST_MS; !isAtRest(found) && Date.now() < until; await sleep(2000))
      found = await look(pid);
    const words = `${JSON.stringify(found)}\n${answer}`;
    expect(here(found), `the process lives exactly once\n${words}`).toHaveLength(1);
    const at = here(found)[0] as NodeName;
    for (const { name, state, address, left, tables, programs } of found) {
      expect({ name, left, tables, programs }, words).toEqual({ name, left: '', tables: '', programs: '' });
      expect(Number(address), `address on ${name}\n${words}`).toBe(name === at ? 1 : 0);
      if (name === at) expect(state, words).not.toBe('T');
    }
    const outcome = at === from ? 'stays' : 'moves';
    expect(expected(phase, FAULTS[fault]), words).toContain(outcome);
    test.mover.at = at;
    await progresses(test.mover, 5);
    await progresses(test.stayer, 5);
    // Its queue empties only if the other end, wherever it is now, acknowledges.
    await script(
      'c',
      `for n in $(seq 150); do ss -Htn state established '( sport = :${PORT} )' | grep -q '^0 *0 ' && exit; sleep 0.2; done; ss -tn; exit 1`,
    );
    return outcome;
  }

  async verdict(): Promise<void> {
    await signal(this.test.mover, 'USR1');
    await goodVerdicts(this.test);
  }
}

/** Lets a move begin, breaks it off, and waits for the end of the engine; what it said comes back. */
async function migrateInto(
  phase: FaultPhase,
  fault: Fault,
  { pid, from, to }: { pid: number; from: NodeName; to: NodeName },
): Promise<string> {
  const at = fault.at === 'source' ? from : to;
  const qpn = await script(from, `rdma resource show qp | grep ' pid ${pid} ' | grep -o 'lqpn [0-9]*'`);
  await script(
    at,
    `rm -f /root/fault.out; echo "$1" >/root/moving.qpn; printf '%s\n' "$2" >/root/action.sh`,
    [qpn.replace('lqpn ', ''), `read -r go\n(\n${fault.action}\n) </dev/null\necho done >/root/fault.out`],
  );
  await script(from, 'rm -f /root/engine.*; : >/root/engine.err');
  // Whoever acts is there before it is needed, and apart from its connection, which may be cut: the handshake of
  // ssh takes longer than some phases.
  const act = 'setsid sh /root/action.sh >/root/action.out 2>&1';
  const actor = at === from ? `sh -c '${act}'` : `ssh ${at} '${act}'`;
  const source = await node(from);
  await source.start(
    [
      'sh',
      '-c',
      `{ until grep -q '^${AFTER[phase]} ' /root/engine.err; do sleep 0.03; done; echo go; } | ${actor}`,
    ],
    { log: '/root/act.out' },
  );
  const engine = await source.start(
    [
      'sh',
      '-c',
      'echo $$ >/root/engine.pid; exec roam migrate "$@" >/root/engine.out 2>/root/engine.err',
      'sh',
      `pid:${pid}`,
      ...['--to', to, '--ip', `${MOVING_IP}/24`, '--json', '--progress'],
    ],
    { log: '/root/engine.log' },
  );
  await script(from, 'while kill -0 "$1" 2>/dev/null; do sleep 0.2; done', [String(engine)], 180_000);
  const said = () => script(from, 'cat /root/engine.err /root/engine.out /root/act.out');
  await script(
    at,
    'for n in $(seq 100); do [ -f /root/fault.out ] && exit; sleep 0.1; done; cat /root/action.out >&2; exit 1',
  ).catch(async (error: Error) => {
    throw new Error(`the fault did not happen: ${error.message}\n${await said()}`);
  });
  if (fault.repair) await script(at, fault.repair);
  return said();
}

/** Where the process is, stopped copies counted too, and what a migration has left on either host. */
async function look(pid: number) {
  const found = await inAllNodes(
    `echo "tasks $(readlink /proc/${pid}/exe | grep verdict)"
     echo "state $(cut -d' ' -f3 /proc/${pid}/stat 2>/dev/null)"
     echo "address $(ip -o -4 addr show dev eth0 | grep -c ' ${MOVING_IP}/')"
     echo "left $(ls -d /dev/shm/roam-* /run/roam-* /var/tmp/roam-* /var/lib/roam/* 2>/dev/null | tr '\\n' ' ')"
     echo "tables $(nft list tables | grep -iE 'roam|criu' | tr '\\n' ' ')"
     echo "programs $({ pgrep -x criu; pgrep -f '[r]oam (agent|migrate)|[r]oam.mjs'; } | tr '\\n' ' ')"`,
  );
  return found.map(({ name, text }) => {
    const facts = Object.fromEntries(
      lines(text).map((line) => [line.split(' ')[0], line.replace(/^\w+ ?/, '').trim()]),
    );
    return {
      name: name as NodeName,
      ...(facts as Record<'tasks' | 'state' | 'address' | 'left' | 'tables' | 'programs', string>),
    };
  });
}

type Found = Awaited<ReturnType<typeof look>>;

const here = (found: Found) =>
  found.filter(({ tasks, state }) => tasks !== '' && state !== 'Z').map(({ name }) => name);
const isAtRest = (found: Found) =>
  here(found).length === 1 &&
  found.every(({ left, tables, programs, state }) => !left && !tables && !programs && state !== 'T');

/** Whoever cleans up needs some time: emulated nodes start a program in seconds. */
const REST_MS = 100_000;

function expected(phase: FaultPhase, { harmless }: Fault): ('stays' | 'moves')[] {
  if (harmless || phase === 'resume' || phase === 'settle') return ['moves'];
  // Aimed at a moment: it may come when that has passed.
  return phase === 'commit' || phase === 'verify' ? ['stays', 'moves'] : ['stays'];
}
