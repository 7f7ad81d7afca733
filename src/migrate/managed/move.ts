// Containers that a program keeps a record of beside the one of their runtime: it makes the container at the
// destination before it comes, and removes it here afterwards.
import type { Custody } from '../custody.js';
import { type DockerTies, tieDocker } from '../docker/networks.js';
import { removeContainer } from '../docker/remove.js';
import type { ContainerOrder } from '../oci/restore.js';
import { removeFromPodman } from '../podman/place.js';
import { type PodmanTies, tiePodman } from '../podman/ties.js';
import type { TcpEnds } from '../tcp.js';

/** A container that such a program has made. */
export interface Made {
  manager: 'docker' | 'podman';
  /** Full. */
  id: string;
}

/** Kills what is left of it and removes the record of it, but no volumes. None is as good. */
export const removeMade = ({ manager, id }: Made): Promise<void> =>
  manager === 'docker' ? removeContainer(id) : removeFromPodman(id);

/** What brings a container back to where it was; plain data, as it stands in the journal. */
export type Ties = DockerTies | PodmanTies;

export const tie = (ties: Ties): Promise<void> =>
  ties.manager === 'docker' ? tieDocker(ties) : tiePodman(ties);

/** The source's part in moving such a container. */
export interface ManagedMove {
  /** Brings what the container has written and printed to the same places there. @returns bytes sent */
  sync(): Promise<number>;
  /** Addresses that are given up here. */
  readonly addresses: string[];
  /** It has a network namespace of its own, which ends with it. */
  readonly isApart: boolean;
  /** Takes it from what would be in its way there, or start it again here. */
  leave(custody: Custody): Promise<void>;
  /** Back to where it was, once: it is frozen, and its peers do not wait for ever. */
  comeBack(): Promise<void>;
  /** Again, when it runs. */
  staysConnected(): Promise<void>;
  /** What the destination needs to know beside what it would of a runtime's own. */
  order(connections: TcpEnds[]): Pick<ContainerOrder, 'docker' | 'podman'>;
}
