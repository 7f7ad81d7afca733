import { treeWithInner } from './inner-pids.js';

export interface RestoredContainer {
  pid: number;
  ms: number;
  /** Every process, by its number on this host. */
  pids: number[];
  /** Those that stay stopped. */
  stopped: number[];
}

/**
 * A container as its restore has left it.
 *
 * @param pid Its first process. @param started Of `performance.now()`. @param stopped Processes by their numbers inside.
 */
export async function restored(pid: number, started: number, stopped: number[]): Promise<RestoredContainer> {
  const tasks = await treeWithInner(pid);
  return {
    pid,
    ms: performance.now() - started,
    pids: tasks.map((task) => task.pid),
    stopped: tasks.filter(({ inner }) => stopped.includes(inner)).map((task) => task.pid),
  };
}
