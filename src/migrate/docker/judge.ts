// Whether a container of Docker can move, and whether the destination is ready for it.
import { Findings } from '../findings.js';
import { judgeMounts } from '../managed/mounts.js';
import type { Finding } from '../types.js';
import type { DockerInfo } from './api.js';
import type { DockerContainer } from './container.js';
import type { DockerPlace } from './place.js';

/** What the container itself has that cannot move. */
export function judgeDocker(host: string, container: DockerContainer, sync: string[]): Finding[] {
  const { inspected, name, networks, upper, info } = container;
  const { Config, GraphDriver, HostConfig, Mounts } = inspected;
  const found = new Findings(host);
  if (Config.Tty)
    found.error('CONTAINER_TTY', `the container ${name} has a terminal`, 'run it without --tty');
  if (upper === undefined)
    found.error(
      'STORAGE_DRIVER',
      `the writable layer of ${name} cannot be found (storage driver ${GraphDriver.Name || info.Driver})`,
      'overlay2 is the one whose layers can move',
    );
  if (/^container:/.test(HostConfig.NetworkMode))
    found.error('NETWORK_SHARED', `the container ${name} uses the network of another one`);
  for (const network of networks) {
    if (network.Driver !== 'overlay' || !network.Attachable)
      found.error(
        'NETWORK_STAYS',
        `the network ${network.Name} of ${name} is ${network.Driver === 'overlay' ? 'not attachable' : `one of this host alone (${network.Driver})`}`,
        'docker network create -d overlay --attachable --subnet NET NAME, and run it there, or on --network host',
      );
  }
  found.list.push(...judgeMounts(host, name, Mounts, sync));
  return found.list;
}

/** What the destination's Docker lacks. */
export function judgeDockerPlace(
  host: string,
  { inspected, name, info: own, networks }: DockerContainer,
  place: DockerPlace,
  copyImage: boolean,
): Finding[] {
  const found = new Findings(host);
  const { info, problem = '', known, image, shimProblem } = place;
  if (!info) {
    found.error('DOCKER_MISSING', problem, 'install docker.io, and start it');
    return found.list;
  }
  if (!info.ExperimentalBuild)
    found.error(
      'DOCKER_EXPERIMENTAL',
      'Docker starts no container from a checkpoint here',
      'put {"experimental": true} into /etc/docker/daemon.json and restart the daemon',
    );
  if (info.ServerVersion !== own.ServerVersion)
    found.warning(
      'DOCKER_DIFFERS',
      `Docker is ${info.ServerVersion}, at the source ${own.ServerVersion}`,
      'install the same version',
    );
  if (info.Driver !== own.Driver)
    found.error('STORAGE_DRIVER', `the storage driver is ${info.Driver}, at the source ${own.Driver}`);
  if (shimProblem !== undefined)
    found.error('DOCKER_PATH', shimProblem, 'containerd needs /opt/containerd/bin, and roam needs perl');
  if (known) found.error('CONTAINER_EXISTS', `there is a container ${name} already`, `docker rm ${name}`);
  if (image === undefined && !copyImage)
    found.error(
      'IMAGE_MISSING',
      `the image ${inspected.Config.Image} (${inspected.Image.slice(7, 19)}) is missing`,
      'bring it along: --copy-image',
    );
  if (networks.length > 0) found.list.push(...judgeSwarm(host, own, info, networks, place));
  return found.list;
}

function judgeSwarm(
  host: string,
  own: DockerInfo,
  { Swarm: swarm }: DockerInfo,
  networks: DockerContainer['networks'],
  { networks: there }: DockerPlace,
): Finding[] {
  const found = new Findings(host);
  if (swarm?.LocalNodeState !== 'active') {
    found.error(
      'SWARM_MISSING',
      'this host is in no swarm',
      "docker swarm join, with the token of the source's",
    );
    return found.list;
  }
  const managers = (of: DockerInfo['Swarm']) => new Set(of?.RemoteManagers?.map(({ NodeID }) => NodeID));
  const theirs = managers(swarm);
  if (![...managers(own.Swarm)].some((id) => theirs.has(id)))
    found.error('SWARM_DIFFERS', 'this host is in another swarm than the source', 'docker swarm join there');
  // A worker learns of a network when the first container joins it.
  else if (swarm.ControlAvailable)
    for (const { Id, Name } of networks)
      if (!there.includes(Id)) found.error('NETWORK_MISSING', `the swarm has no network ${Name}`);
  return found.list;
}
