// Containers of Docker and Podman: what their program says at the destination, and what of it stands in the way.
import type { AgentClient } from '../agent/client.js';
import type { DockerContainer } from '../docker/container.js';
import { judgeDocker, judgeDockerPlace } from '../docker/judge.js';
import type { DockerPlace } from '../docker/place.js';
import type { Container } from '../oci/container.js';
import type { PodmanContainer } from '../podman/container.js';
import { judgePodman, judgePodmanPlace } from '../podman/judge.js';
import type { PodmanPlace } from '../podman/place.js';
import type { Finding } from '../types.js';
import { judgeSources } from './mounts.js';

/** A container, and the place that it would be made in. */
export type ManagedPlace =
  | { manager: 'docker'; container: DockerContainer; place: DockerPlace }
  | { manager: 'podman'; container: PodmanContainer; place: PodmanPlace };

/** undefined: nobody manages the container. */
export async function askManager(
  { docker, podman }: Container,
  agent: AgentClient,
): Promise<ManagedPlace | undefined> {
  if (docker) {
    const { name, inspected, networks } = docker;
    const image = { id: inspected.Image, name: inspected.Config.Image };
    const wanted = { name, image, networks: networks.map(({ Id }) => Id) };
    return { manager: 'docker', container: docker, place: await agent.request('docker', wanted) };
  }
  if (!podman) return undefined;
  const { name, inspected } = podman;
  const image = { id: inspected.Image, name: inspected.ImageName };
  const wanted = { id: inspected.Id, name, image };
  return { manager: 'podman', container: podman, place: await agent.request('podman', wanted) };
}

export async function judgeManaged(
  managed: ManagedPlace,
  agent: AgentClient,
  hosts: { source: string; destination: string },
  { sync, copyImage }: { sync: string[]; copyImage: boolean },
): Promise<Finding[]> {
  const { container } = managed;
  const [own, there] =
    managed.manager === 'docker'
      ? [
          judgeDocker(hosts.source, managed.container, sync),
          judgeDockerPlace(hosts.destination, managed.container, managed.place, copyImage),
        ]
      : [
          judgePodman(hosts.source, managed.container, sync),
          judgePodmanPlace(hosts.destination, managed.container, managed.place, copyImage),
        ];
  return [...own, ...there, ...(await judgeSources(container.inspected, agent, hosts.destination, sync))];
}
