// What could leave this host: process trees and containers that hold verbs contexts, each as one migration takes it.
import { readdir, readFile, readlink } from 'node:fs/promises';
import type { QpInfo } from '../rxe/index.js';
import { containersHere } from './containers-here.js';
import { floatingInside, floatingOf, type HostAddress, hostAddresses } from './floats.js';
import { readJournals } from './journal.js';
import { openFds, parseStat, processTree } from './proc.js';
import { mrKeys, withContexts } from './rdma.js';
import { tcpSockets, udpSockets } from './tcp.js';

export interface Movable {
  /** What `roam migrate` takes: `pid:1234`, `runc:NAME`, `crun:NAME`, `docker:NAME`, `podman:NAME`. */
  target: string;
  pid: number;
  comm: string;
  pids: number[];
  /** Resident and swapped, in bytes. */
  memory: number;
  devices: string[];
  qpns: number[];
  /** Numbers of MRs: their keys without the last byte. */
  mrns: number[];
  /** IP addresses at the other end of its QPs. */
  peers: string[];
  /** Addresses it uses that are not the host's own, in CIDR form. */
  floating: string[];
  /** Directory of a container's config.json. */
  bundle?: string;
  /** Why no migration can take it. */
  problem?: string;
}

/** What decides where a tree begins. */
export interface ProcEntry {
  pid: number;
  ppid: number;
  pgid: number;
  sid: number;
  /** Device number of the controlling terminal, 0: none. */
  tty: number;
}

/**
 * The process that a holder of verbs contexts moves with: the topmost of its session, because what shares a session
 * was started as one and shares pipes and waits; of its job where the session is that of a terminal.
 *
 * @param outside processes that nothing takes along, such as process 1 and those that look
 */
export function rootOf(holder: number, tasks: Map<number, ProcEntry>, outside: Set<number>): number {
  let at = tasks.get(holder);
  for (;;) {
    const parent = at && tasks.get(at.ppid);
    if (!at || !parent || outside.has(parent.pid) || parent.sid !== at.sid) break;
    if (at.tty !== 0 && parent.pgid !== at.pgid) break;
    at = parent;
  }
  return at?.pid ?? holder;
}

/** Roots that no other one's tree holds. */
export function topmost(roots: number[], tasks: Map<number, ProcEntry>): number[] {
  const all = new Set(roots);
  const isBelow = (pid: number) => {
    for (let at = tasks.get(pid)?.ppid; at !== undefined && at > 1; at = tasks.get(at)?.ppid)
      if (all.has(at)) return true;
    return false;
  };
  return [...all].filter((pid) => !isBelow(pid));
}

const UNNAMED = 'it is in a container of another kind than those of runc, crun, Docker and Podman';

async function allTasks(): Promise<Map<number, ProcEntry>> {
  const tasks = new Map<number, ProcEntry>();
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const text = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    if (text) tasks.set(Number(name), parseStat(text));
  }
  return tasks;
}

/** Processes with an open verbs device. */
async function holders(pids: Iterable<number>): Promise<number[]> {
  const found: number[] = [];
  for (const pid of pids) {
    const names = await readdir(`/proc/${pid}/fd`).catch(() => []);
    for (const name of names) {
      const link = await readlink(`/proc/${pid}/fd/${name}`).catch(() => '');
      if (!link.startsWith('/dev/infiniband/uverbs')) continue;
      found.push(pid);
      break;
    }
  }
  return found;
}

/** This process and its ancestors, engines and agents at work, process 1: they hold contexts of others at times. */
async function outsiders(tasks: Map<number, ProcEntry>): Promise<Set<number>> {
  const outside = new Set([0, 1]);
  for (let pid: number | undefined = process.pid; pid && !outside.has(pid); pid = tasks.get(pid)?.ppid)
    outside.add(pid);
  for (const { owner } of await readJournals().catch(() => [])) if (owner) outside.add(owner.pid);
  return outside;
}

const namespace = (pid: number | 'self', kind: string) => readlink(`/proc/${pid}/ns/${kind}`).catch(() => '');

/** Whether it is in a pid or mount namespace of its own: then a container runtime has made it. */
async function isContained(pid: number): Promise<boolean> {
  for (const kind of ['pid', 'mnt']) {
    const theirs = await namespace(pid, kind);
    if (theirs && theirs !== (await namespace('self', kind))) return true;
  }
  return false;
}

/** Everything on this host that holds verbs contexts, by pid. */
export async function movables(): Promise<Movable[]> {
  const tasks = await allTasks();
  const outside = await outsiders(tasks);
  const held = (await holders(tasks.keys())).filter((pid) => !outside.has(pid));
  if (held.length === 0) return [];
  const contained = await Promise.all(held.map(isContained));
  const known = contained.includes(true) ? await containersHere() : [];
  const named = new Map<number, Pick<Movable, 'target' | 'bundle' | 'problem'>>();
  const free: number[] = [];
  held.forEach((pid, i) => {
    if (!contained[i]) {
      free.push(rootOf(pid, tasks, outside));
      return;
    }
    const container = known.find((candidate) => descends(pid, candidate.pid, tasks));
    if (container) {
      const { pid: first, ...name } = container;
      named.set(first, name);
    } else named.set(pid, { target: `pid:${pid}`, problem: UNNAMED });
  });
  for (const pid of topmost(free, tasks)) named.set(pid, { target: `pid:${pid}` });
  const [addresses, keys] = await Promise.all([hostAddresses().catch(() => []), mrKeys().catch(() => [])]);
  const all = await Promise.all(
    [...named].map(([pid, name]) => describe(pid, name, addresses, keys).catch(() => undefined)),
  );
  // One that has ended meanwhile is nobody's.
  return all.filter((unit) => unit !== undefined).sort((a, b) => a.pid - b.pid);
}

function descends(pid: number, root: number, tasks: Map<number, ProcEntry>): boolean {
  for (let at: number | undefined = pid; at !== undefined && at > 1; at = tasks.get(at)?.ppid)
    if (at === root) return true;
  return false;
}

const addressOf = (gid: string): string => gid.replace(/^::ffff:(?=\d+\.)/, '');

/** Addresses of the tree's QPs and sockets. */
async function usedAddresses(pids: number[], gids: string[]): Promise<string[]> {
  const sockets = await Promise.all(
    pids.map(async (pid) => {
      const fds = await openFds(pid);
      const [{ connections, listeners }, udp] = await Promise.all([
        tcpSockets(pid, fds),
        udpSockets(pid, fds),
      ]);
      return [...connections, ...listeners, ...udp].map(({ localAddress }) => localAddress);
    }),
  );
  return [...gids.map(addressOf), ...sockets.flat()];
}

/** What of the addresses of a process tree, or of a container of runc or crun, is not the host's own, in CIDR form. */
export async function floatingAddresses(pid: number, isRunc: boolean): Promise<string[]> {
  const pids = (await processTree(pid)).map((task) => task.pid);
  const gids = await withContexts(pids, (contexts) =>
    contexts.filter(({ isRxe }) => isRxe).flatMap((c) => c.listQps().map(({ sgid }) => sgid)),
  );
  const used = await usedAddresses(pids, gids);
  const inside = isRunc ? await floatingInside(pid, used) : [];
  return [...floatingOf(used, await hostAddresses()), ...inside];
}

/** `unable`: why its contexts cannot be dumped at all. */
function contextsOf(pids: number[]): Promise<{ devices: string[]; qps: QpInfo[]; unable?: string }> {
  return withContexts(pids, (contexts) => {
    const devices = [...new Set(contexts.map(({ device }) => device))];
    const other = contexts.find(({ isRxe }) => !isRxe);
    if (other) return { devices, qps: [], unable: `${other.device} is no rxe device` };
    try {
      return { devices, qps: contexts.flatMap((context) => context.listQps()) };
    } catch (error) {
      return { devices, qps: [], unable: (error as Error).message };
    }
  });
}

async function describe(
  pid: number,
  name: Pick<Movable, 'target' | 'bundle' | 'problem'>,
  addresses: HostAddress[],
  keys: { key: number; pid: number }[],
): Promise<Movable> {
  const tree = await processTree(pid);
  const pids = tree.map((task) => task.pid);
  const { devices, qps, unable } = await contextsOf(pids);
  const own = new Set(pids);
  const used = await usedAddresses(
    pids,
    qps.map(({ sgid }) => sgid),
  );
  const problem = name.problem ?? unable;
  const inside = /^(runc|crun):/.test(name.target) ? await floatingInside(pid, used) : [];
  return {
    ...name,
    pid,
    comm: tree[0]?.comm ?? '',
    pids,
    memory: tree.reduce((sum, { memory }) => sum + memory, 0),
    devices,
    qpns: qps.map(({ qpn }) => qpn),
    mrns: [...new Set(keys.filter((mr) => own.has(mr.pid)).map(({ key }) => key >>> 8))],
    peers: [...new Set(qps.filter(({ destQpn }) => destQpn > 0).map(({ dgid }) => addressOf(dgid)))],
    floating: [...floatingOf(used, addresses), ...inside],
    ...(problem ? { problem } : {}),
  };
}
