// The process tree as it was frozen: since preflight it may have forked, connected and registered.
import { openFds, processTree, type Task } from './proc.js';
import { objectsOf, resumeContexts, withContexts } from './rdma.js';
import { type TcpSocket, tcpSockets } from './tcp.js';
import type { MovedObjects } from './types.js';

export interface Frozen {
  tasks: Task[];
  pids: number[];
  connections: TcpSocket[];
  /** Number of verbs contexts. */
  contexts: number;
}

export async function readFrozen(pid: number): Promise<Frozen> {
  const tasks = await processTree(pid);
  const pids = tasks.map((task) => task.pid);
  const connections = new Map<number, TcpSocket>();
  for (const id of pids) {
    const sockets = await tcpSockets(id, await openFds(id));
    for (const socket of sockets.connections) connections.set(socket.inode, socket);
  }
  const contexts = await withContexts(pids, (found) => found.length);
  return { tasks, pids, connections: [...connections.values()], contexts };
}

/**
 * What moves, for the report. Asked here, where it rests: at the destination the process may be through with its
 * work before anyone looks. A list that cannot be had keeps nothing from moving.
 */
export async function frozenObjects(
  { contexts, pids }: Frozen,
  warn: (problem: string) => void,
): Promise<MovedObjects> {
  if (contexts > 0) {
    try {
      return { ...(await objectsOf(pids)), contexts };
    } catch (error) {
      warn(`what moves cannot be listed: ${(error as Error).message}`);
    }
  }
  return { qp: [], mr: [], cq: 0 };
}

/**
 * Lets the QPs go on at the source: CRIU ends a failed post-dump as a success for plugins, so that ours does not.
 *
 * @throws Error with the QPs that did not
 */
export async function resumeFrozen({ contexts, pids }: Frozen): Promise<void> {
  if (contexts === 0) return;
  const { failures } = await resumeContexts(pids);
  if (failures.length > 0) throw new Error(failures.join('; '));
}
