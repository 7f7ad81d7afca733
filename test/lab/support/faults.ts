// A migration that is broken off at a chosen phase, and the proof that nothing of it is lost, doubled or left over.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { AFTER, expected, FAULTS, type Fault, type FaultName, type FaultPhase } from './fault-kinds.js';
import { inAllNodes, lines, MOVING_IP, type NodeName, node, script } from './lab.js';
import { goodVerdicts, progresses, signal, startWorkload, type Workload } from './verdict.js';

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
    // Its number has to be free on both hosts in every one of many moves: it is far from where they count.
    const last = await script(
      'a',
      'cat /proc/sys/kernel/ns_last_pid; echo 31000 >/proc/sys/kernel/ns_last_pid',
    );
    const test = await startWorkload({
      server: 'a',
      client: 'c',
      moving: 'server',
      address: 'floating',
      args: ['--events', '--rate', '20'],
      serverPrelude: `[ -n "$BASH_VERSION" ] || exec bash -c '${connect}' bash "$@"`,
    });
    await script('a', 'echo "$1" >/proc/sys/kernel/ns_last_pid', [last.trim()]);
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
    // More is acknowledged than before only by the other end, wherever it is now. Whoever had to wait for long tries
    // again late.
    await script(
      'c',
      `acked() { ss -Htni state established '( sport = :${PORT} )' | grep -o 'bytes_acked:[0-9]*'; }
       before=$(acked); for n in $(seq 90); do sleep 1; [ "$(acked)" = "$before" ] || exit 0; done; ss -tni; exit 1`,
      [],
      120_000,
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
    `rm -f /root/fault.out; echo "$1" >/root/moving.qpn; echo "$2" >/root/moving.pid; printf '%s\n' "$3" >/root/action.sh`,
    [
      qpn.replace('lqpn ', ''),
      String(pid),
      `set -e\nread -r go\n(\n${fault.action}\n) </dev/null\necho done >/root/fault.out`,
    ],
  );
  await script(from, 'rm -f /root/engine.*; mkfifo /root/engine.pipe; : >/root/engine.err');
  // Whoever acts is there before it is needed, and apart from its connection, which may be cut: the handshake of
  // ssh takes longer than some phases.
  const act = 'setsid sh /root/action.sh >/root/action.out 2>&1';
  const actor = at === from ? `sh -c '${act}'` : `ssh ${at} '${act}'`;
  const source = await node(from);
  // The engine stands still until it has happened: phases are shorter than the way there.
  const watch = `while IFS= read -r line; do
      printf '%s\n' "$line" >>/root/engine.err
      case $line in '${AFTER[fault.from ?? phase]} '*)
        engine=$(cat /root/engine.pid); kill -STOP $engine; echo go; sleep 1.5; kill -CONT $engine 2>/dev/null ;;
      esac
    done </root/engine.pipe`;
  await source.start(['sh', '-c', `${watch} | ${actor}`], { log: '/root/act.out' });
  const engine = await source.start(
    [
      'sh',
      '-c',
      'echo $$ >/root/engine.pid; exec roam migrate "$@" >/root/engine.out 2>/root/engine.pipe',
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
