// What is to be moved, by the name that the user gave it.
import { dockerName, readDocker } from './docker/container.js';
import { type Container, containerName, readContainer } from './oci/container.js';
import { parseTarget } from './source.js';

export interface Target {
  pid: number;
  container?: Container;
}

/**
 * `pid:1234`, `runc:NAME`, `crun:NAME` or `docker:NAME`.
 *
 * @throws RoamError BAD_TARGET, NO_SUCH_CONTAINER, CONTAINER_NOT_RUNNING, DOCKER_RUNTIME
 */
export async function resolveTarget(target: string): Promise<Target> {
  const [named, docker] = [containerName(target), dockerName(target)];
  const reading = named ? readContainer(named) : docker !== undefined && readDocker(docker);
  if (!reading) return { pid: parseTarget(target) };
  const container = await reading;
  return { pid: container.pid, container };
}
