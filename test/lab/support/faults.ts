// A migration that is broken off at a chosen phase, and the proof that nothing of it is lost, doubled or left over.
import { expect } from 'vitest';
import { inAllNodes, lines, MOVING_IP, type NodeName, node, script } from './lab.js';
import { goodVerdicts, progresses, signal, startWorkload, type Workload } from './verdict.js';

/** Phases in which something can go wrong, and what the progress tells just before. */
export const AFTER = {
  prepare: 'preflight',
  dump: 'prepare',
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
  at: NodeName;
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
  'engine killed': { at: 'a', action: 'kill -9 $(cat /root/engine.pid)' },
  'source CRIU killed': {
    at: 'a',
    action: 'pkill -9 -o -x criu',
    phases: ['dump', 'transfer', 'address', 'restore', 'verify', 'commit'],
  },
  'agent killed': { at: 'b', action: `kill -9 $(pgrep -o -f '[r]oam agent')` },
  'destination CRIU killed': { at: 'b', action: 'pkill -9 -o -x criu', phases: ['restore'] },
  'link cut for 5 s': { at: 'b', action: `${CUT}\nsleep 5; ${MEND}`, harmless: true },
  'link cut for good': { at: 'b', action: CUT, repair: MEND },
  'destination full': {
    at: 'b',
    action: 'mount -o remount,size=64k /dev/shm',
    repair: 'mount -o remount,size=50% /dev/shm',
    phases: ['dump', 'transfer'],
  },
  'destination lacks the module': {
    at: 'b',
    action: 'sh /usr/lib/roam/guest/load-rxe stock',
    repair: 'sh /usr/lib/roam/guest/load-rxe roam',
    phases: ['prepare', 'dump'],
  },
  'number taken': {
    at: 'b',
    action: `echo $(($(cat /root/moving.qpn) - 1)) >/proc/sys/net/rdma_rxe/last_qpn
      setsid /usr/lib/roam/workloads/unsupported uc >/root/taker.out 2>&1 </dev/null &
      until grep -q running /root/taker.out; do sleep 0.1; done`,
    repair: 'kill -USR1 $(pidof unsupported); echo 8192 >/proc/sys/net/rdma_rxe/last_qpn',
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

/** Traffic of the checking workload from a to c, beside a TCP connection, on an address that moves. */
async function startMover(): Promise<Workload> {
  await (await node('c')).start(['python3', '-c', TCP_PEER], { log: '/root/tcp-peer.out' });
  await script('c', `until ss -Hltn | grep -q :${PORT}; do sleep 0.1; done`);
  const test = await startWorkload({
    server: 'a',
    client: 'c',
    moving: 'server',
    address: 'floating',
    args: ['--events', '--rate', '50'],
    serverPrelude: `[ -n "$BASH_VERSION" ] || exec bash -c 'exec 7<>/dev/tcp/10.0.1.8/${PORT}; exec "$@"' bash "$@"`,
  });
  await progresses(test.stayer, 10);
  const qpn = await script(
    'a',
    `rdma resource show qp | grep -o 'lqpn [0-9]*.*pid ${test.mover.pid} ' | cut -d' ' -f2`,
  );
  await script('b', 'echo "$1" >/root/moving.qpn', [qpn]);
  return test;
}

export interface CellResult {
  phase: FaultPhase;
  fault: FaultName;
  /** What the engine printed at its end; empty when it was killed. */
  answer: string;
  /** Where the process is now. */
  at: NodeName;
  seconds: number;
}

/** Breaks a move of the mover from a to b and waits until both hosts are at rest. */
async function breakOff(pid: number, phase: FaultPhase, name: FaultName): Promise<string> {
  const fault: Fault = FAULTS[name];
  await script('a', 'rm -f /root/engine.*; : >/root/engine.err');
  const trigger = `until grep -q '^${AFTER[phase]} ' /root/engine.err; do sleep 0.03; done`;
  // The connection is there before it is needed: its handshake takes longer than some phases.
  const act =
    fault.at === 'a'
      ? `${trigger}; ${fault.action}\necho done >/root/fault.out`
      : `{ ${trigger}; echo go; } | ssh ${fault.at} '. /root/fault.sh'`;
  await script(
    fault.at,
    'rm -f /root/fault.out; cat >/root/fault.sh <<"EOT"\n'.concat(
      `read -r go\nsetsid sh -c '. /root/action.sh; echo done >/root/fault.out' >/dev/null 2>&1 </dev/null &\nEOT`,
    ),
  );
  await script(fault.at, `cat >/root/action.sh <<'EOT'\n${fault.action}\nEOT`);
  const a = await node('a');
  await a.start(['sh', '-c', act], { log: '/root/act.out' });
  const engine = await a.start(
    [
      'sh',
      '-c',
      'echo $$ >/root/engine.pid; exec roam migrate "$@" >/root/engine.out 2>/root/engine.err',
      'sh',
      `pid:${pid}`,
      ...['--to', 'b', '--ip', `${MOVING_IP}/24`, '--json', '--progress'],
    ],
    { log: '/root/engine.log' },
  );
  await script('a', 'while kill -0 "$1" 2>/dev/null; do sleep 0.2; done', [String(engine)], 180_000);
  await script(
    fault.at,
    'for n in $(seq 100); do [ -f /root/fault.out ] && exit; sleep 0.1; done; exit 1',
  ).catch(async () => {
    throw new Error(`the fault did not happen: ${await script('a', 'cat /root/act.out /root/engine.err')}`);
  });
  if (fault.repair) await script(fault.at, fault.repair);
  return script('a', 'cat /root/engine.err /root/engine.out');
}

/** Where the process is, stopped copies counted too, and what a migration has left on either host. */
async function look(pid: number) {
  const found = await inAllNodes(
    `echo "tasks $(for s in /proc/${pid}/exe; do readlink $s | grep verdict; done)"
     echo "state $(cut -d' ' -f3 /proc/${pid}/stat 2>/dev/null)"
     echo "address $(ip -o -4 addr show dev eth0 | grep -c ' ${MOVING_IP}/')"
     echo "left $(ls -d /dev/shm/roam-* /run/roam-* /var/tmp/roam-* /var/lib/roam/* 2>/dev/null | tr '\\n' ' ')"
     echo "tables $(nft list tables | grep -iE 'roam|criu' | tr '\\n' ' ')"
     echo "programs $(pgrep -x criu; pgrep -f '[r]oam (agent|migrate|recover)|[r]oam.mjs' | tr '\\n' ' ')"`,
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

/** One cell of the matrix. @throws AssertionError that tells what is wrong */
export async function faultCell(phase: FaultPhase, fault: FaultName): Promise<CellResult> {
  const test = await startMover();
  const { pid } = test.mover;
  const answer = await breakOff(pid, phase, fault);
  const started = Date.now();
  let found = await look(pid);
  while (!isAtRest(found) && Date.now() < started + REST_MS) found = await look(pid);
  const seconds = (Date.now() - started) / 1000;
  const words = `${JSON.stringify(found)}\n${answer}`;
  expect(here(found), `the process lives exactly once\n${words}`).toHaveLength(1);
  const at = here(found)[0] as NodeName;
  for (const { name, state, address, left, tables, programs } of found) {
    expect({ name, left, tables, programs }, words).toEqual({ name, left: '', tables: '', programs: '' });
    expect(Number(address), `address on ${name}\n${words}`).toBe(name === at ? 1 : 0);
    if (name === at) expect(state, words).not.toBe('T');
  }
  expect(expectedAt(phase, fault), words).toContain(at);
  test.mover.at = at;
  await progresses(test.mover, 20);
  await progresses(test.stayer, 20);
  // Its queue empties only if the other end, wherever it is now, acknowledges.
  await script(
    'c',
    `for n in $(seq 150); do ss -Htn state established '( sport = :${PORT} )' | grep -q '^0 *0 ' && exit; sleep 0.2; done; ss -tn; exit 1`,
  );
  await signal(test.mover, 'USR1');
  await goodVerdicts(test);
  return { phase, fault, answer, at, seconds };
}

function expectedAt(phase: FaultPhase, fault: FaultName): NodeName[] {
  const { harmless }: Fault = FAULTS[fault];
  if (harmless || phase === 'resume' || phase === 'settle') return ['b'];
  // Aimed at a moment: it may come when that has passed.
  return phase === 'commit' || phase === 'verify' ? ['a', 'b'] : ['a'];
}
