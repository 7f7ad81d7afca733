// What there is in a network namespace that a container joins by its path.
import { readdir, readlink, stat, statfs } from 'node:fs/promises';
import { readTask, type Task } from '../proc.js';
import { runIn } from './enter.js';

export interface NetnsLink {
  name: string;
  /** As `ip -details` names it: `macvlan`, `veth`; empty for lo. */
  kind: string;
  up: boolean;
  /** In CIDR form, those of the link itself left out. */
  addresses: string[];
}

interface IpLink {
  ifname?: string;
  flags?: string[];
  linkinfo?: { info_kind?: string };
  addr_info?: { local?: string; prefixlen?: number; scope?: string }[];
}

/** What `ip -json -details address show` says. */
export function parseLinks(json: string): NetnsLink[] {
  const links = JSON.parse(json || '[]') as IpLink[];
  return links.flatMap(({ ifname: name, flags = [], linkinfo, addr_info = [] }) =>
    name === undefined
      ? []
      : [
          {
            name,
            kind: linkinfo?.info_kind ?? '',
            up: flags.includes('UP'),
            addresses: addr_info
              .filter(({ scope }) => scope !== 'link')
              .map(({ local, prefixlen }) => `${local}/${prefixlen}`),
          },
        ],
  );
}

export const linksIn = async (netns: string): Promise<NetnsLink[]> =>
  parseLinks(await runIn(netns, ['ip', '-json', '-details', 'address', 'show']));

/** NSFS_MAGIC of statfs(2): only a namespace lies on this file system. */
const NSFS = 0x6e736673;

/** The links of the network namespace at a path of this host; null: there is none. */
export async function netnsAt(path: string): Promise<NetnsLink[] | null> {
  const found = await statfs(path).catch(() => undefined);
  return found?.type === NSFS ? linksIn(path) : null;
}

/** Whether the namespace at the path is the one that a process is in. */
export async function isNetnsOf(pid: number, path: string): Promise<boolean> {
  const [there, own] = await Promise.all([stat(path).catch(() => undefined), stat(`/proc/${pid}/ns/net`)]);
  return there?.ino === own.ino;
}

/** A child of the tree may have come since that was listed, and have ended by now. */
async function isBelow({ ppid: parent }: Task, root: number): Promise<boolean> {
  for (let at = parent; at > 1; ) {
    if (at === root) return true;
    at = await readTask(at).then(
      ({ ppid }) => ppid,
      () => 0,
    );
  }
  return false;
}

/** Processes beside `own` that are in the network namespace of `pid`. */
export async function othersIn(pid: number, own: number[]): Promise<{ pid: number; comm: string }[]> {
  const wanted = await readlink(`/proc/${pid}/ns/net`);
  const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && !own.includes(Number(name)));
  const there = await Promise.all(
    names.map(async (name) => (await readlink(`/proc/${name}/ns/net`).catch(() => '')) === wanted),
  );
  const tasks = await Promise.all(
    names.filter((_, i) => there[i]).map((name) => readTask(Number(name)).catch(() => undefined)),
  );
  const below = await Promise.all(tasks.map((task) => !task || isBelow(task, pid)));
  return tasks.flatMap((task, i) => (task && !below[i] ? [{ pid: task.pid, comm: task.comm }] : []));
}
