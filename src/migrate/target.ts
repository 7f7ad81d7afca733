// What is to be moved, by the name that the user gave it.
import { type Container, containerName, readContainer } from './runc/container.js';
import { parseTarget } from './source.js';

export interface Target {
  pid: number;
  container?: Container;
}

/**
 * `pid:1234` or `runc:NAME`.
 *
 * @throws RoamError BAD_TARGET, NO_SUCH_CONTAINER, CONTAINER_NOT_RUNNING
 */
export async function resolveTarget(target: string): Promise<Target> {
  const name = containerName(target);
  if (name === undefined) return { pid: parseTarget(target) };
  const container = await readContainer(name);
  return { pid: container.pid, container };
}
