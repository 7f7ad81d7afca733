// What is known about the process tree that is to move, and about its host.
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { RoamError } from '../errors.js';
import type { QpInfo, RxeContext } from '../rxe/index.js';
import { type Cidr, deviceOf, parseCidr } from './address.js';
import { describeCpu } from './agent/cpu.js';
import { hostFacts } from './agent/facts.js';
import type { HostFacts } from './agent/protocol.js';
import { type FileInventory, inventory } from './files.js';
import { type Inside, readInside } from './netns/inside.js';
import { type Container, placeOf } from './oci/container.js';
import type { ConnectedQp } from './peers.js';
import { foreignNamespaces, lives, type OpenFd, openFds, processTree, type Task } from './proc.js';
import { withContexts } from './rdma.js';
import { type TcpSocket, tcpSockets, udpSockets } from './tcp.js';

export interface SourceFacts {
  pid: number;
  /** The container whose first process it is. */
  container?: Container;
  tasks: Task[];
  pids: number[];
  fds: OpenFd[];
  files: FileInventory;
  connections: TcpSocket[];
  /** TCP listeners and bound UDP sockets. */
  bound: TcpSocket[];
  foreignNamespaces: string[];
  /** The root's session or process group has members outside the tree. */
  shellJob: boolean;
  rdma: RdmaFacts;
  /** CRIU's description of the processors, in base64; absent where it has none. */
  cpu?: string;
  /** Control group of the root process (the unified hierarchy), `/` for the topmost. */
  cgroup: string;
  /** Of the host, which is that of its RDMA device too. */
  address?: { cidr: Cidr; dev?: string };
  /** A network namespace that it does not share with the host. */
  inside?: Inside;
  host: HostFacts;
  hostname: string;
  memory: number;
}

/** Tasks that somebody has stopped, as preflight saw them: in the freeze every task is. */
export const stoppedBefore = ({ tasks }: SourceFacts): number[] =>
  tasks.filter(({ state }) => state === 'T').map(({ pid }) => pid);

export interface RdmaFacts {
  contexts: number;
  qpns: number[];
  unsupported: string[];
  /** Devices of the contexts. */
  devices: string[];
  /** QPs that have a peer, and the peers' addresses. */
  connected: ConnectedQp[];
  peers: string[];
  /** UC QPs that have a peer, with the address that they have, and UD QPs, which may have any. */
  unreliable?: { qpn: number; type: string; address?: string }[];
  problem?: string;
}

/** Pid of `pid:1234`, or of a bare number. @throws RoamError BAD_TARGET */
export function parseTarget(target: string): number {
  const match = /^(?:pid:)?([1-9]\d*)$/.exec(target);
  if (!match) {
    throw new RoamError('BAD_TARGET', `"${target}" does not say what to move`, {
      remedy:
        'name a process or a container: roam migrate pid:1234 --to HOST, runc:NAME, crun:NAME, docker:NAME, podman:NAME',
    });
  }
  return Number(match[1]);
}

/** Reads everything that preflight judges; nothing is stopped or changed. */
export async function readSource(
  pid: number,
  ip: string | undefined,
  criu: string,
  container?: Container,
): Promise<SourceFacts> {
  const tasks = await processTree(pid);
  if (tasks[0]?.state === 'Z') {
    throw new RoamError('NO_SUCH_PROCESS', `process ${pid} has ended and only waits for its parent`);
  }
  const pids = tasks.map((task) => task.pid);
  const fds = (await Promise.all(pids.map(openFds))).flat();
  const sockets = await Promise.all(
    pids.map(async (id) => {
      const own = fds.filter((fd) => fd.pid === id);
      return { tcp: await tcpSockets(id, own), udp: await udpSockets(id, own) };
    }),
  );
  const describing = describeCpu(criu);
  describing.catch(() => {});
  const cidr = ip === undefined ? undefined : parseCidr(ip);
  const rdma = await readRdma(pids, fds);
  const host = await hostFacts(criu, { programs: [], rdma: rdma.contexts > 0, announce: cidr?.family === 4 });
  const cpu = await describing;
  const inside = container && (await readInside(container, pids, cidr));
  const isInside = inside?.address !== undefined;
  return {
    pid,
    ...(container ? { container } : {}),
    tasks,
    pids,
    fds,
    files: await inventory(pids, fds, placeOf(container)),
    connections: unique(sockets.flatMap(({ tcp }) => tcp.connections)),
    bound: unique(sockets.flatMap(({ tcp, udp }) => [...tcp.listeners, ...udp])),
    foreignNamespaces: await foreignNamespaces(pid),
    shellJob: tasks[0]?.sid !== pid,
    rdma,
    ...(cidr && !isInside ? { address: { cidr, dev: deviceOf(cidr.ip) } } : {}),
    ...(inside ? { inside } : {}),
    ...(cpu ? { cpu } : {}),
    // runc makes that of a container.
    cgroup: container ? '/' : await cgroupOf(pid),
    host,
    hostname: hostname(),
    memory: tasks.reduce((sum, task) => sum + task.memory, 0),
  };
}

/** Sockets that several processes share are one. */
function unique(sockets: TcpSocket[]): TcpSocket[] {
  return [...new Map(sockets.map((socket) => [socket.inode, socket])).values()];
}

async function cgroupOf(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => '');
  return /^0::(.*)$/m.exec(text)?.[1] || '/';
}

/** States in which a QP has a peer. */
const CONNECTED = new Set(['RTR', 'RTS', 'SQD', 'SQE']);

async function readRdma(pids: number[], fds: OpenFd[]): Promise<RdmaFacts> {
  const cm = fds.filter(({ link }) => link === '/dev/infiniband/rdma_cm');
  const unsupported = cm.map(({ pid, fd }) => `rdma_cm (descriptor ${fd} of process ${pid})`);
  if (!fds.some(({ link }) => link.startsWith('/dev/infiniband/uverbs'))) {
    return { contexts: 0, qpns: [], unsupported, devices: [], connected: [], peers: [] };
  }
  try {
    return await withContexts(pids, async (contexts) => {
      const qps = await greetedQps(contexts);
      const connected = qps
        .filter(({ state, destQpn }) => CONNECTED.has(state) && destQpn > 0)
        .map(({ qpn, type, destQpn, sgid, dgid, migrationFlags, peerAware }) => ({
          qpn,
          destQpn,
          own: addressOf(sgid),
          peer: addressOf(dgid),
          isPaused: migrationFlags.includes('paused'),
          ...(type === 'RC' ? { isAware: peerAware } : {}),
        }));
      return {
        contexts: contexts.length,
        qpns: qps.map(({ qpn }) => qpn),
        devices: [...new Set(contexts.map(({ device }) => device))],
        connected,
        peers: [...new Set(connected.map(({ peer }) => peer))],
        unreliable: qps.filter(({ state }) => CONNECTED.has(state)).flatMap(unreliable),
        unsupported: [...unsupported, ...contexts.flatMap((context) => context.check().map(nameOf))],
      };
    });
  } catch (error) {
    for (const pid of pids)
      if (!(await lives(pid)))
        throw new RoamError('NO_SUCH_PROCESS', `process ${pid} ended while it was looked at`, {
          cause: error,
          remedy: 'see what it printed; if others of its tree go on, begin again',
        });
    return {
      contexts: 0,
      qpns: [],
      unsupported,
      devices: [],
      connected: [],
      peers: [],
      problem: (error as Error).message,
    };
  }
}

/** Greetings may be lost; who answers none of them has another module. */
const GREETINGS = 3;
const ANSWER_MS = 150;

async function greetedQps(contexts: RxeContext[]): Promise<QpInfo[]> {
  const list = () => contexts.flatMap((context) => context.listQps());
  const isOpen = ({ type, state, peerAware }: QpInfo) => type === 'RC' && CONNECTED.has(state) && !peerAware;
  let qps = list();
  for (let tries = 0; tries < GREETINGS && qps.some(isOpen); tries++) {
    for (const context of contexts) context.greetPeers();
    await sleep(ANSWER_MS);
    qps = list();
  }
  return qps;
}

const addressOf = (gid: string): string => gid.replace(/^::ffff:(?=\d+\.)/, '');

function unreliable({ qpn, type, sgid }: QpInfo): { qpn: number; type: string; address?: string }[] {
  if (type === 'UC') return [{ qpn, type, address: addressOf(sgid) }];
  return type === 'UD' ? [{ qpn, type }] : [];
}

function nameOf(object: { type: string; id: number; detail?: string | number }): string {
  return `${object.type} ${object.id}${object.detail ? ` (${object.detail})` : ''}`;
}
