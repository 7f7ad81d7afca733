import { treeWithInner } from './inner-pids.js';
import { makeReadOnly } from './mounts.js';
import type { ContainerOrder } from './restore.js';

export interface RestoredContainer {
  pid: number;
  ms: number;
  /** Every process, by its number on this host. */
  pids: number[];
  /** Those that stay stopped. */
  stopped: number[];
}

/**
 * A container as its restore has left it, made what it was.
 *
 * @param pid Its first process. @param started Of `performance.now()`.
 * @throws RoamError MOUNT_WRITABLE
 */
export async function restored(
  pid: number,
  started: number,
  { stopped, readOnly }: Pick<ContainerOrder, 'stopped' | 'readOnly'>,
): Promise<RestoredContainer> {
  await makeReadOnly(pid, readOnly);
  const tasks = await treeWithInner(pid);
  return {
    pid,
    ms: performance.now() - started,
    pids: tasks.map((task) => task.pid),
    stopped: tasks.filter(({ inner }) => stopped.includes(inner)).map((task) => task.pid),
  };
}
