// Whether a container of Podman can move, and whether the destination is ready for it.

import { Findings } from '../findings.js';
import { judgeMounts } from '../managed/mounts.js';
import type { Finding } from '../types.js';
import type { PodmanContainer } from './container.js';
import type { PodmanPlace } from './place.js';

/** What the container itself has that cannot move. */
export function judgePodman(host: string, container: PodmanContainer, sync: string[]): Finding[] {
  const { inspected, name, upper } = container;
  const { Config, Dependencies, GraphDriver, HostConfig, Mounts, Pod } = inspected;
  const found = new Findings(host);
  if (Config.Tty)
    found.error('CONTAINER_TTY', `the container ${name} has a terminal`, 'run it without --tty');
  if (upper === undefined)
    found.error(
      'STORAGE_DRIVER',
      `the writable layer of ${name} cannot be found (storage driver ${GraphDriver.Name})`,
      'overlay is the one whose layers can move',
    );
  if (Pod !== '' || Dependencies.length > 0)
    found.error(
      'NAMESPACE_SHARED',
      `the container ${name} ${Pod === '' ? 'shares namespaces with other containers' : 'is part of a pod'}`,
      'one that stands alone can move',
    );
  if (HostConfig.NetworkMode !== 'host')
    found.error(
      'NETWORK_STAYS',
      `the container ${name} is on a network of this host alone (${HostConfig.NetworkMode})`,
      'run it on --network host, with an address that moves along (--ip)',
    );
  if (Config.Healthcheck)
    found.warning('HEALTHCHECK_ENDS', `nobody looks after the health of ${name} when it has moved`);
  found.list.push(...judgeMounts(host, name, Mounts, sync));
  return found.list;
}

/** What the destination's Podman lacks. */
export function judgePodmanPlace(
  host: string,
  { inspected, name, info: own }: PodmanContainer,
  { info, problem = '', known, image, lacksPerl }: PodmanPlace,
  copyImage: boolean,
): Finding[] {
  const found = new Findings(host);
  if (!info) {
    found.error('PODMAN_MISSING', problem, 'install podman');
    return found.list;
  }
  const differs = (what: string, there: string, here: string) =>
    found.error('PODMAN_DIFFERS', `${what} of Podman is ${there}, at the source ${here}`);
  if (info.version.Version !== own.version.Version)
    found.warning(
      'PODMAN_DIFFERS',
      `Podman is ${info.version.Version}, at the source ${own.version.Version}`,
      'install the same version',
    );
  // Its description of the container names these.
  if (info.host.cgroupManager !== own.host.cgroupManager)
    differs('the cgroup manager', info.host.cgroupManager, own.host.cgroupManager);
  if (info.store.graphDriverName !== own.store.graphDriverName)
    differs('the storage driver', info.store.graphDriverName, own.store.graphDriverName);
  if (info.store.graphRoot !== own.store.graphRoot)
    differs('the storage', info.store.graphRoot, own.store.graphRoot);
  if (info.store.runRoot !== own.store.runRoot)
    differs('the directory of what runs', info.store.runRoot, own.store.runRoot);
  if (lacksPerl) found.error('PERL_MISSING', '/usr/bin/perl is missing', 'install perl');
  if (known) found.error('CONTAINER_EXISTS', `there is a container ${name} already`, `podman rm ${name}`);
  if (image === undefined ? !copyImage : image !== inspected.Image)
    found.error(
      image === undefined ? 'IMAGE_MISSING' : 'IMAGE_DIFFERS',
      image === undefined
        ? `the image ${inspected.ImageName} (${inspected.Image.slice(0, 12)}) is missing`
        : `the image ${inspected.ImageName} is ${image.slice(0, 12)}, at the source ${inspected.Image.slice(0, 12)}`,
      image === undefined
        ? 'bring it along: --copy-image'
        : `podman tag the right one ${inspected.ImageName}`,
    );
  return found.list;
}
