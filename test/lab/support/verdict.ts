import { expect } from 'vitest';
import {
  addFloating,
  lines,
  MOVING_IP,
  type NodeName,
  node,
  POLITE,
  STAYING_IP,
  script,
  workload,
} from './lab.js';
import { migrate } from './migrate.js';
import { PATIENCE, paced } from './patience.js';

/** The line of JSON with which the workload ends. */
export interface Verdict {
  ok: boolean;
  role: 'server' | 'client';
  qps: number;
  sent: number;
  received: number;
  ops: { send: number; write: number; read: number; fetchAdd: number; compareSwap: number };
  writesVerified: number;
  errorCount: number;
  errors: string[];
}

export interface WorkloadOptions {
  program?: 'verdict' | 'qpstates' | 'objects';
  server: NodeName;
  client: NodeName;
  moving: 'server' | 'client';
  address: 'changed' | 'floating';
  args?: string[];
  /** More arguments for one end. */
  serverArgs?: string[];
  /** Tells it from others that run on the same nodes. */
  name?: string;
  /** Shell commands that run in the server's process before it becomes the workload. */
  serverPrelude?: string;
}

export interface End {
  role: 'server' | 'client';
  pid: number;
  /** Where it runs now. */
  at: NodeName;
  /** Its output, where that is another file than usual. */
  log?: string;
}

export interface Workload {
  options: WorkloadOptions;
  mover: End;
  stayer: End;
}

const outFile = (role: string, name = '') => `/root/workload-${name}${role}.out`;
const logFile = ({ role, log }: End): string => log ?? outFile(role);

/** Starts both ends and resolves when they are connected. Their TCP connection is closed by then. */
export async function startWorkload(options: WorkloadOptions): Promise<Workload> {
  const {
    program = 'verdict',
    server,
    client,
    moving,
    address,
    args: wanted = [],
    serverArgs = [],
    serverPrelude,
    name: title,
  } = options;
  const args = program === 'verdict' ? paced(wanted) : wanted;
  const [movingNode, stayingNode] = moving === 'server' ? [server, client] : [client, server];
  if (address === 'floating') {
    await addFloating(movingNode, MOVING_IP);
    await addFloating(stayingNode, STAYING_IP);
  }
  const gid = async (name: NodeName) => {
    const ip = address === 'changed' ? (await node(name)).ip : name === movingNode ? MOVING_IP : STAYING_IP;
    return program === 'verdict' ? ['--gid-addr', ip] : [ip];
  };
  const binary = workload(program);
  const start = async (role: 'server' | 'client', name: NodeName, argv: string[]): Promise<End> => {
    const prelude =
      role === 'server' && serverPrelude ? ['sh', '-c', `${serverPrelude}; exec "$@"`, 'sh'] : [];
    const log = outFile(role, title);
    const pid = await (await node(name)).start([...POLITE, ...prelude, binary, ...argv], { log });
    return { role, pid, at: name, log };
  };
  const serverEnd = await start('server', server, [
    '--server',
    ...(await gid(server)),
    ...args,
    ...serverArgs,
  ]);
  const clientEnd = await start('client', client, [
    '--client',
    (await node(server)).ip,
    ...(await gid(client)),
    ...args,
  ]);
  const processes = Number(args[args.indexOf('--fork') + 1] ?? 1);
  for (const end of [serverEnd, clientEnd]) {
    const running = 'until [ $(grep -c ^running "$1") -ge "$2" ]; do sleep 0.1; done';
    await script(end.at, running, [logFile(end), String(args.includes('--fork') ? processes : 1)]);
  }
  return moving === 'server'
    ? { options, mover: serverEnd, stayer: clientEnd }
    : { options, mover: clientEnd, stayer: serverEnd };
}

/** Moves the one end that moves, and follows it. */
export async function move(test: Workload, to: NodeName) {
  const ip = test.options.address === 'floating' ? { ip: `${MOVING_IP}/24` } : {};
  const report = await migrate(test.mover.at, test.mover.pid, { to, ...ip });
  test.mover.at = to;
  return report;
}

/** Requests that an end has completed so far, over all its connections. */
export async function progressOf(end: End): Promise<number> {
  const args = [String(end.pid), logFile(end)];
  const log = await script(end.at, 'kill -USR2 "$1"; sleep 0.5; cat "$2"', args);
  const latest = new Map<number, number>();
  for (const line of lines(log))
    if (line.startsWith('{"qp":')) {
      const state = JSON.parse(line);
      latest.set(state.qp, state.completed);
    }
  return [...latest.values()].reduce((sum, n) => sum + n, 0);
}

/** Resolves when an end has completed so many requests more than now. */
export async function progresses(end: End, requests = 50, timeout = 40_000): Promise<void> {
  const start = await progressOf(end);
  const until = Date.now() + timeout * PATIENCE;
  while ((await progressOf(end)) < start + requests)
    if (Date.now() > until)
      throw new Error(`the ${end.role} on node ${end.at} does not go on:\n${await logOf(end)}`);
}

export function logOf(end: End): Promise<string> {
  return script(end.at, 'cat "$1"', [logFile(end)]);
}

export function signal({ pid, at }: End, name: 'USR1' | 'TERM'): Promise<string> {
  return script(at, 'kill -s "$1" "$2"', [name, String(pid)]);
}

async function verdictOf(end: End, timeout: number): Promise<Verdict> {
  await script(end.at, `until grep -q '^{"ok"' "$1"; do sleep 0.2; done`, [logFile(end)], timeout).catch(
    async () => {
      await signal(end, 'TERM').catch(() => '');
      await script(end.at, 'sleep 2');
      throw new Error(`the ${end.role} on node ${end.at} came to no verdict:\n${await logOf(end)}`);
    },
  );
  const line = lines(await logOf(end)).find((text) => text.startsWith('{"ok"'));
  return JSON.parse(line ?? '{}');
}

/** Both ends' verdicts, which must be good and agree with each other. */
export async function goodVerdicts(
  test: Workload,
  timeout = 60_000,
): Promise<{ mover: Verdict; stayer: Verdict }> {
  const [mover, stayer] = await Promise.all([
    verdictOf(test.mover, timeout),
    verdictOf(test.stayer, timeout),
  ]);
  for (const verdict of [mover, stayer]) {
    expect(verdict.errors, JSON.stringify(verdict)).toEqual([]);
    expect(verdict.ok, JSON.stringify(verdict)).toBe(true);
  }
  expect(mover.received).toBe(stayer.sent);
  expect(stayer.received).toBe(mover.sent);
  expect(mover.writesVerified).toBe(stayer.ops.write);
  expect(stayer.writesVerified).toBe(mover.ops.write);
  return { mover, stayer };
}

/** Asks both ends for verdicts that may be bad. */
export async function verdicts(test: Workload, timeout = 60_000): Promise<Verdict[]> {
  return Promise.all([verdictOf(test.mover, timeout), verdictOf(test.stayer, timeout)]);
}

export interface VerdictMove extends Omit<WorkloadOptions, 'server' | 'client'> {
  from: NodeName;
  to: NodeName;
  peer: NodeName;
  /** Requests that each end completes before and after the move. */
  requests?: number;
}

/** The whole story: traffic, move, more traffic, then both ends are asked for their verdict. */
export async function verdictMove({ from, to, peer, requests = 50, ...options }: VerdictMove) {
  const server = options.moving === 'server' ? from : peer;
  const client = options.moving === 'server' ? peer : from;
  const test = await startWorkload({ ...options, server, client });
  await progresses(test.stayer, requests);
  const report = await move(test, to);
  await progresses(test.mover, requests);
  await progresses(test.stayer, requests);
  await signal(test.mover, 'USR1');
  return { report, ...(await goodVerdicts(test)) };
}
