// A container of Podman: what Podman says of it, and the container of runc or crun that it is made of.
import { basename } from 'node:path';
import { RoamError } from '../../errors.js';
import { nameIn } from '../managed/name.js';
import { type Container, readContainer } from '../oci/container.js';
import { RUNTIMES, type Runtime } from '../oci/runtime.js';
import { inspectPodman, type PodmanInfo, podmanInfo } from './cli.js';
import type { Inspected } from './types.js';

export interface PodmanContainer {
  inspected: Inspected;
  name: string;
  info: PodmanInfo;
  /** Its writable layer on this host. */
  upper?: string;
}

/** The container that a target such as `podman:web` names. @throws RoamError BAD_TARGET */
export const podmanName = (target: string): string | undefined => nameIn('podman', target);

/** Whether the bundle of a container of runc or crun is one that Podman has made. */
export const isPodmanBundle = (bundle: string): boolean =>
  /\/\w+-containers\/[0-9a-f]{64}\/userdata$/.test(bundle);

/** Where Podman keeps what it has made of a container, beside its root file system. */
export const directoriesOf = (id: string, { store }: PodmanInfo): string[] =>
  [store.graphRoot, store.runRoot].map(
    (root) => `${root}/${store.graphDriverName}-containers/${id}/userdata`,
  );

/** @throws RoamError NO_SUCH_CONTAINER, CONTAINER_NOT_RUNNING, PODMAN_RUNTIME, PODMAN_FAILED */
export async function readPodman(given: string): Promise<Container> {
  const inspected = await inspectPodman<Inspected>('container', given);
  if (!inspected)
    throw new RoamError('NO_SUCH_CONTAINER', `Podman knows no container ${given} on this host`, {
      remedy: "see `podman ps`; root's containers can move, not those of other users",
    });
  const { Id, Name: name, State, OCIRuntime, GraphDriver } = inspected;
  if (!State.Running || State.Paused)
    throw new RoamError('CONTAINER_NOT_RUNNING', `the container ${name} is ${State.Status}`, {
      remedy: State.Paused ? `podman unpause ${name}` : 'only a running container can move',
    });
  const runtime = RUNTIMES.find((known) => known === basename(OCIRuntime));
  if (!runtime)
    throw new RoamError('PODMAN_RUNTIME', `the container ${name} is run by ${OCIRuntime}`, {
      remedy: `only containers of ${RUNTIMES.join(' and ')} can move`,
    });
  const [container, info] = await Promise.all([
    readContainer({ runtime: runtime satisfies Runtime, name: Id }),
    podmanInfo(),
  ]);
  const upper = GraphDriver.Name === 'overlay' ? GraphDriver.Data?.UpperDir : undefined;
  return {
    ...container,
    madeAnew: [container.rootfs, ...directoriesOf(Id, info)],
    podman: { inspected, name, info, ...(upper ? { upper } : {}) },
  };
}
