import { expect, it } from 'vitest';
import {
  addFloating,
  dataFlows,
  gidIndex,
  MOVING_IP,
  type NodeName,
  node,
  POLITE,
  STAYING_IP,
  script,
} from './lab.js';
import { migrate } from './migrate.js';
import { iterationsFor, unpaced } from './pace.js';

export type Tool = 'ib_send_bw' | 'ib_write_bw' | 'ib_read_bw' | 'ib_atomic_bw' | 'ib_send_lat';

export interface PerftestOptions {
  tool: Tool;
  /** Arguments for both ends, without device, port, GID, size and iterations. */
  args?: string[];
  /** Message size in bytes; atomics have their own. */
  size?: number;
  qps?: number;
  /** How long it would run at least if nothing moved, in seconds. */
  seconds?: number;
  server: NodeName;
  client: NodeName;
  /** Which of the two will move: it gets the floating address that `--ip` moves. */
  moving: 'server' | 'client';
  /** `changed`: the RDMA address is the host's own; `floating`: it moves with the process. */
  address: 'changed' | 'floating';
}

export interface Perftest {
  options: PerftestOptions;
  iterations: number;
  /** Process that is to be moved: a shell that waits for perftest and writes down its exit code. */
  pid: number;
  movingNode: NodeName;
  stayingNode: NodeName;
}

/** A benchmark has to outlast the preflight of its move; what is left then is done without the pace. */
const SECONDS = 110;

const outFile = (role: 'server' | 'client') => `/root/perftest-${role}.out`;

/** perftest reports its exit code nowhere else, and its parent does not move without it. */
const WRAPPER = ['sh', '-c', '"$@"; echo "exit-code $?"', 'sh'];

/**
 * Starts a perftest pair, stdio in files, and resolves when data flows.
 * perftest keeps its TCP connection for the final exchange, so both ends of that are floating addresses.
 */
export async function startPerftest(options: PerftestOptions): Promise<Perftest> {
  const {
    tool,
    args = [],
    size = 8192,
    qps = 1,
    seconds = SECONDS,
    server,
    client,
    moving,
    address,
  } = options;
  const movingNode = moving === 'server' ? server : client;
  const stayingNode = moving === 'server' ? client : server;
  await addFloating(movingNode, MOVING_IP);
  await addFloating(stayingNode, STAYING_IP);
  const rdmaIp = async (name: NodeName) => {
    if (address === 'changed') return (await node(name)).ip;
    return name === movingNode ? MOVING_IP : STAYING_IP;
  };
  const argv = async (name: NodeName, iterations: number) => [
    ...POLITE,
    ...WRAPPER,
    tool,
    ...['-d', 'rxe0', '-F', '-p', '18515', '-x', String(await gidIndex(name, await rdmaIp(name)))],
    ...(tool === 'ib_atomic_bw' ? [] : ['-s', String(size)]),
    // Packets wait longer on a slow link than perftest's timeout of 67 ms; 18 stands for a second, 20 for four.
    ...(qps > 1 ? ['-q', String(qps), '-u', '20'] : ['-u', '18']),
    ...['-n', String(iterations)],
    ...args,
  ];
  const start = async (iterations: number) => {
    const serverPid = await (await node(server)).start(await argv(server, iterations), {
      log: outFile('server'),
    });
    const listens =
      'until ss -Hltn "sport = :18515" | grep -q .; do ! grep ^exit-code "$1" || { cat "$1" >&2; exit 1; }; sleep 0.1; done';
    await script(server, listens, [outFile('server')]);
    const clientArgv = [...(await argv(client, iterations)), moving === 'server' ? MOVING_IP : STAYING_IP];
    const clientPid = await (await node(client)).start(clientArgv, { log: outFile('client') });
    return moving === 'server' ? serverPid : clientPid;
  };
  const iterations = iterationsFor({ tool, size, qps, events: args.includes('-e') }, seconds);
  const pid = await start(iterations);
  await dataFlows(movingNode);
  return { options, iterations, pid, movingNode, stayingNode };
}

export interface PerftestEnd {
  exitCode: number;
  output: string;
  /** The table's rows: bytes, iterations and whatever the tool measures. */
  rows: number[][];
}

async function endOf(name: NodeName, role: 'server' | 'client', timeout: number): Promise<PerftestEnd> {
  const file = outFile(role);
  const waiting = 'until grep -q "^exit-code" "$1"; do sleep 0.2; done; cat "$1"';
  const output = await script(name, waiting, [file], timeout).catch(async (error) => {
    const state = await script(name, 'cat "$1"; rdma resource show qp; ps ax', [file]);
    throw new Error(`the ${role} on node ${name} did not finish: ${error.message}\n${state}`);
  });
  const rows = output
    .split('\n')
    // A processor whose frequency could not be measured makes times infinite.
    .filter((line) => /^ *\d+ +\d+ +([\d.]+|inf) /.test(line))
    .map((line) => line.trim().split(/\s+/).map(Number));
  return { exitCode: Number(/^exit-code (\d+)$/m.exec(output)?.[1] ?? -1), output, rows };
}

/** Waits for both ends, and expects both to have done every iteration without an error. */
export async function finishPerftest(test: Perftest, movedTo: NodeName, timeout = 100_000): Promise<void> {
  const { moving, qps = 1, size = 8192, tool } = test.options;
  await unpaced();
  const at = (role: 'server' | 'client') => (role === moving ? movedTo : test.stayingNode);
  const ends = await Promise.all(
    (['server', 'client'] as const).map(async (role) => ({
      role,
      ...(await endOf(at(role), role, timeout)),
    })),
  );
  for (const { role, exitCode, output, rows } of ends) {
    expect(exitCode, ends.map((end) => `${end.role}:\n${end.output}`).join('\n')).toBe(0);
    expect(output).not.toMatch(/error|fail|problem/i);
    expect(rows, `${role}:\n${output}`).not.toEqual([]);
    expect(rows[0]?.slice(0, 2), output).toEqual([tool === 'ib_atomic_bw' ? 8 : size, test.iterations * qps]);
  }
}

export interface MigrationCase extends Omit<PerftestOptions, 'server' | 'client'> {
  from: NodeName;
  to: NodeName;
  /** Node of the end that stays. */
  peer: NodeName;
}

/** The whole story: a benchmark is started, one end moves while data flows, both ends finish. */
export async function runMigration(options: MigrationCase) {
  const { from, to, peer, ...rest } = options;
  const server = rest.moving === 'server' ? from : peer;
  const client = rest.moving === 'server' ? peer : from;
  const test = await startPerftest({ ...rest, server, client });
  const report = await migrate(from, test.pid, { to, ip: `${MOVING_IP}/24` });
  expect(report.objects.qp).toHaveLength(rest.qps ?? 1);
  // More than the last acknowledgements: the benchmark was in the middle. Within one node nothing slows its rest.
  if (to !== peer) await dataFlows(to, 50);
  await finishPerftest(test, to);
  return report;
}

export type SimpleCase = Omit<MigrationCase, 'from' | 'to' | 'peer'>;

const title = ({ tool, args = [], size, qps = 1, moving, address }: SimpleCase) =>
  `${[tool, ...args].join(' ')}${size ? `, ${size} bytes` : ''}, ${qps} QP: the ${moving}, ${address} address`;

/** A test for each: one end moves from a to b, its peer is on c. */
export function itMoves(cases: SimpleCase[]): void {
  it.each(cases.map((options) => ({ title: title(options), options })))('$title', async ({ options }) => {
    await runMigration({ ...options, from: 'a', to: 'b', peer: 'c' });
  });
}
