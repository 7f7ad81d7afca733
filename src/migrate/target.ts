// What is to be moved, by the name that the user gave it.
import { dockerName, readDocker } from './docker/container.js';
import { type Container, containerName, readContainer } from './oci/container.js';
import { podmanName, readPodman } from './podman/container.js';
import { demandRoot } from './privilege.js';
import { parseTarget } from './source.js';

export interface Target {
  pid: number;
  container?: Container;
}

/**
 * `pid:1234`, `runc:NAME`, `crun:NAME`, `docker:NAME` or `podman:NAME`.
 *
 * @throws RoamError NOT_ROOT, BAD_TARGET, NO_SUCH_CONTAINER, CONTAINER_NOT_RUNNING, DOCKER_RUNTIME, PODMAN_RUNTIME
 */
export async function resolveTarget(target: string): Promise<Target> {
  demandRoot();
  const named = containerName(target);
  const [docker, podman] = [dockerName(target), podmanName(target)];
  const reading =
    (named && readContainer(named)) ??
    (docker === undefined ? undefined : readDocker(docker)) ??
    (podman === undefined ? undefined : readPodman(podman));
  if (!reading) return { pid: parseTarget(target) };
  const container = await reading;
  return { pid: container.pid, container };
}
