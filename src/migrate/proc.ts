// What proc(5) says about a process tree.
import { readdir, readFile, readlink } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { RoamError } from '../errors.js';

export interface Task {
  pid: number;
  comm: string;
  state: string;
  ppid: number;
  pgid: number;
  sid: number;
  /** Device number of the controlling terminal, 0: none. */
  tty: number;
  threads: number[];
  /** Resident and swapped memory, bytes. */
  memory: number;
}

/** Fields of /proc/PID/stat; the command name may itself hold spaces and parentheses. */
export function parseStat(text: string) {
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')');
  const rest = text
    .slice(close + 2)
    .trim()
    .split(' ');
  return {
    pid: Number(text.slice(0, open)),
    comm: text.slice(open + 1, close),
    state: rest[0] ?? '?',
    ppid: Number(rest[1]),
    pgid: Number(rest[2]),
    sid: Number(rest[3]),
    tty: Number(rest[4]),
    flags: Number(rest[6]),
  };
}

/** Value in bytes of a `Name:  123 kB` line of /proc/PID/status. */
export function statusBytes(text: string, name: string): number {
  const match = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text);
  return match ? Number(match[1]) * 1024 : 0;
}

/** Memory that devices have pinned; 0 for a process that has ended. */
export async function pinnedBytes(pid: number): Promise<number> {
  return statusBytes(await readFile(`/proc/${pid}/status`, 'utf8').catch(() => ''), 'VmPin');
}

/** @throws RoamError NO_SUCH_PROCESS */
export async function readTask(pid: number): Promise<Task> {
  try {
    const [stat, status, threads] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile(`/proc/${pid}/status`, 'utf8'),
      readdir(`/proc/${pid}/task`),
    ]);
    const memory = statusBytes(status, 'VmRSS') + statusBytes(status, 'VmSwap');
    return { ...parseStat(stat), threads: threads.map(Number), memory };
  } catch (cause) {
    throw new RoamError('NO_SUCH_PROCESS', `there is no process ${pid} on this host`, {
      cause,
      remedy: 'give the pid of a running process: roam migrate pid:PID --to HOST',
    });
  }
}

/** Whether there is such a process, and it has not ended. */
export function lives(pid: number): Promise<boolean> {
  return readTask(pid).then(
    ({ state }) => state !== 'Z' && state !== 'X',
    () => false,
  );
}

/** `held`: traced, stopped in the freeze or about to die; what becomes of it is not decided yet. */
export type Fate = 'alive' | 'held' | 'dead';

/** `flags` of /proc/PID/stat: do_exit() has begun. */
const PF_EXITING = 0x4;

/** What /proc/PID/status, and the flags of /proc/PID/stat, say about the fate of a process that CRIU has dumped. */
export function parseFate(status: string, flags: number): Fate {
  const field = (name: string) => new RegExp(`^${name}:\\s+(\\w+)`, 'm').exec(status)?.[1];
  const state = field('State');
  if (state === undefined || state === 'Z' || state === 'X') return 'dead';
  return isDying(status, flags) || field('TracerPid') !== '0' ? 'held' : 'alive';
}

/** A killed process is a zombie only when its memory is gone, which may take seconds. */
const isDying = (status: string, flags: number): boolean =>
  (flags & PF_EXITING) !== 0 ||
  [...status.matchAll(/^(?:SigPnd|ShdPnd):\s+(\w+)/gm)].some(([, set]) => BigInt(`0x${set}`) & SIGKILL_BIT);

const SIGKILL_BIT = 1n << 8n;

async function readFate(pid: number): Promise<[status: string, flags: number]> {
  const [status = '', stat] = await Promise.all(
    ['status', 'stat'].map((name) => readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '')),
  );
  return [status, stat ? parseStat(stat).flags : 0];
}

/** As it is at this moment: a process that was just killed may look alive for an instant. */
export const fateNow = async (pid: number): Promise<Fate> => parseFate(...(await readFate(pid)));

/** Whether a tracer, as CRIU is in the freeze, holds it, and nobody has killed it. */
export async function isTraced(pid: number): Promise<boolean> {
  const [status, flags] = await readFate(pid);
  return /^TracerPid:\s+[1-9]/m.test(status) && !isDying(status, flags);
}

/** Waits until a process is neither traced nor dying; `held` when that takes too long. */
export async function fateOf(pid: number, timeoutMs: number): Promise<Fate> {
  let alive = 0;
  for (const deadline = Date.now() + timeoutMs; ; await sleep(50)) {
    const fate = await fateNow(pid);
    alive = fate === 'alive' ? alive + 1 : 0;
    // Between taking its SIGKILL and PF_EXITING a task looks as if it ran on.
    if (fate === 'dead' || alive === LOOKS_THAT_AGREE || Date.now() > deadline) return fate;
  }
}

const LOOKS_THAT_AGREE = 2;

/** The process and all its descendants, parents before children. */
export async function processTree(root: number): Promise<Task[]> {
  const tasks: Task[] = [];
  const queue = [root];
  for (let pid = queue.shift(); pid !== undefined; pid = queue.shift()) {
    const task = await readTask(pid).catch((error: Error) => {
      if (pid === root) throw error;
    });
    // A child that has ended since it was listed belongs to the tree no more.
    if (!task) continue;
    tasks.push(task);
    for (const tid of task.threads) {
      const children = await readFile(`/proc/${pid}/task/${tid}/children`, 'utf8').catch(() => '');
      queue.push(...children.split(' ').filter(Boolean).map(Number));
    }
  }
  return tasks;
}

export interface OpenFd {
  pid: number;
  fd: number;
  /** Target of the /proc/PID/fd link. */
  link: string;
  /** open(2) flags. */
  flags: number;
  /** The mount that it was opened by, as /proc/PID/mountinfo numbers them. */
  mount?: number;
  /** Of the master of a pseudo terminal: number of its other end, /dev/pts/N. */
  pty?: number;
}

export async function openFds(pid: number): Promise<OpenFd[]> {
  // A zombie has none, and says so with an error.
  const names = await readdir(`/proc/${pid}/fd`).catch(() => []);
  const fds = await Promise.all(
    names.map(async (name) => {
      const link = await readlink(`/proc/${pid}/fd/${name}`).catch(() => undefined);
      const info = await readFile(`/proc/${pid}/fdinfo/${name}`, 'utf8').catch(() => '');
      const flags = /^flags:\s+(\d+)/m.exec(info)?.[1] ?? '0';
      if (link === undefined) return undefined;
      const mount = /^mnt_id:\s+(\d+)/m.exec(info)?.[1];
      const pty = /^tty-index:\s+(\d+)/m.exec(info)?.[1];
      return {
        pid,
        fd: Number(name),
        link,
        flags: Number.parseInt(flags, 8),
        ...(mount === undefined ? {} : { mount: Number(mount) }),
        ...(pty === undefined ? {} : { pty: Number(pty) }),
      };
    }),
  );
  return fds.filter((fd) => fd !== undefined);
}

/** Paths of the files that are mapped, without duplicates; `(deleted)` ones excluded. */
export function mappedFiles(maps: string): string[] {
  const paths = new Set<string>();
  for (const line of maps.split('\n')) {
    const match = /^[0-9a-f]+-[0-9a-f]+ \S+ [0-9a-f]+ \S+ ([1-9]\d*) +(\/.*)$/.exec(line);
    const path = match?.[2];
    if (path && !path.endsWith(' (deleted)') && !path.startsWith('/dev/') && !path.startsWith('/memfd:')) {
      paths.add(path.replace(/\\012/g, '\n'));
    }
  }
  return [...paths];
}

// Not the time namespace: CRIU restores every tree into one of its own, to keep its monotonic clocks going.
const NAMESPACES = ['mnt', 'net', 'pid', 'user', 'ipc', 'uts'] as const;

/** Names of the namespaces in which `pid` differs from this process. */
export async function foreignNamespaces(pid: number): Promise<string[]> {
  const foreign: string[] = [];
  for (const ns of NAMESPACES) {
    const [own, theirs] = await Promise.all([
      readlink(`/proc/self/ns/${ns}`).catch(() => ''),
      readlink(`/proc/${pid}/ns/${ns}`).catch(() => ''),
    ]);
    if (theirs && own !== theirs) foreign.push(ns);
  }
  return foreign;
}
