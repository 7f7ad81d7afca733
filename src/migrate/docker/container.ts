// A container of Docker: what the daemon says of it, and the runc container that it is made of.
import { stat } from 'node:fs/promises';
import { RoamError } from '../../errors.js';
import { nameIn } from '../managed/name.js';
import { type Container, readContainer } from '../oci/container.js';
import { type DockerInfo, docker, dockerInfo, find } from './api.js';
import { addressed } from './create.js';
import type { Inspected, Network } from './types.js';

export interface DockerContainer {
  inspected: Inspected;
  /** Without the slash. */
  name: string;
  info: DockerInfo;
  /** Those that it has addresses of, by the names that it has them under. */
  networks: Network[];
  /** Addresses that go along. */
  addresses: string[];
  /** Its writable layer on this host. */
  upper?: string;
}

/** The container that a target such as `docker:web` names. @throws RoamError BAD_TARGET */
export const dockerName = (target: string): string | undefined => nameIn('docker', target);

/** @throws RoamError NO_SUCH_CONTAINER, CONTAINER_NOT_RUNNING, DOCKER_RUNTIME, DOCKER_FAILED */
export async function readDocker(given: string): Promise<Container> {
  const inspected = await find<Inspected>(`/containers/${given}/json`);
  if (!inspected)
    throw new RoamError('NO_SUCH_CONTAINER', `Docker knows no container ${given} on this host`, {
      remedy: 'see `docker ps`',
    });
  const { Id, State, HostConfig } = inspected;
  const name = inspected.Name.replace(/^\//, '');
  if (!State.Running || State.Paused)
    throw new RoamError('CONTAINER_NOT_RUNNING', `the container ${name} is ${State.Status}`, {
      remedy: State.Paused ? `docker unpause ${name}` : 'only a running container can move',
    });
  const root = `/run/docker/runtime-${HostConfig.Runtime}/moby`;
  const known = await stat(`${root}/${Id}/state.json`).catch(() => undefined);
  if (!known)
    throw new RoamError(
      'DOCKER_RUNTIME',
      `the container ${name} is not run by runc (${HostConfig.Runtime})`,
      {
        remedy: 'only containers of the default runtime, under /run/docker, can move',
      },
    );
  const container = await readContainer({ runtime: 'runc', name: Id }, root);
  const networks = await Promise.all(
    addressed(inspected).map(([network]) => docker<Network>('GET', `/networks/${network}`)),
  );
  const addresses = addressed(inspected).map(([, { IPAddress }]) => IPAddress);
  const upper = inspected.GraphDriver.Name === 'overlay2' ? inspected.GraphDriver.Data?.UpperDir : undefined;
  const info = await dockerInfo();
  return {
    ...container,
    madeAnew: [container.rootfs, `${info.DockerRootDir}/containers/${Id}`],
    docker: { inspected, name, info, networks, addresses, ...(upper ? { upper } : {}) },
  };
}
