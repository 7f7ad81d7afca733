// Volumes and files of the host in a container that Docker or Podman has made.
import type { AgentClient } from '../agent/client.js';
import { MISSING } from '../agent/facts.js';
import { Findings } from '../findings.js';
import { isSynced } from '../sync.js';
import type { Finding } from '../types.js';

export interface Mount {
  Type: string;
  Name?: string;
  Source: string;
  Destination: string;
  RW: boolean;
}

/** What stays behind. */
export function judgeMounts(host: string, name: string, mounts: Mount[], sync: string[]): Finding[] {
  const found = new Findings(host);
  for (const { Type, Name, Source, Destination, RW } of mounts) {
    if (isSynced(Source, sync) || Type === 'tmpfs') continue;
    if (Type === 'volume')
      found.error(
        'VOLUME_STAYS',
        `the volume ${Name} (${Destination} in ${name}) stays here`,
        `bring it along: --sync ${Source}`,
      );
    else if (Type !== 'bind')
      found.error('MOUNT_UNKNOWN', `${Destination} in ${name} is a mount of the type ${Type}`);
    else if (RW)
      found.warning(
        'BIND_STAYS',
        `of ${Source}, which is ${Destination} in the container, only files that are open now go along`,
        `--sync ${Source}`,
      );
  }
  return found.list;
}

/** Files and devices of the host that the container is made with. */
export async function judgeSources(
  { Mounts, HostConfig }: { Mounts: Mount[]; HostConfig: { Devices?: { PathOnHost: string }[] | null } },
  agent: AgentClient,
  host: string,
  sync: string[],
): Promise<Finding[]> {
  const found = new Findings(host);
  const binds = Mounts.filter(({ Type, Source }) => Type === 'bind' && !isSynced(Source, sync));
  const devices = (HostConfig.Devices ?? []).map(({ PathOnHost }) => PathOnHost);
  const paths = [...binds.map(({ Source }) => Source), ...devices];
  const kinds = await agent.request('sizes', { paths });
  paths.forEach((path, i) => {
    if (kinds[i] !== MISSING) return;
    if (i < binds.length)
      found.error(
        'BIND_MISSING',
        `${path}, which the container mounts, is missing`,
        `bring it along: --sync ${path}`,
      );
    else found.error('DEVICE_MISSING', `the device ${path} is missing`);
  });
  return found.list;
}
