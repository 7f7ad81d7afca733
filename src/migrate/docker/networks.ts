// An address of an overlay network is one container's at a time: the source gives its own up, frozen, before the
// destination asks for it.
import { docker } from './api.js';
import type { DockerContainer } from './container.js';
import { addressed, endpointConfig } from './create.js';
import type { EndpointConfig, HostConfig } from './types.js';

/** Plain data, as it stands in the journal. */
export interface DockerTies {
  manager: 'docker';
  id: string;
  networks: { name: string; endpoint: EndpointConfig }[];
  /** When its end here was to start it again. */
  restart?: NonNullable<HostConfig['RestartPolicy']>;
}

export function tiesOf({ inspected }: DockerContainer): DockerTies {
  const { Id, HostConfig } = inspected;
  const restart = HostConfig.RestartPolicy;
  return {
    manager: 'docker',
    id: Id,
    networks: addressed(inspected).map(([name, endpoint]) => ({
      name,
      endpoint: endpointConfig(Id, endpoint),
    })),
    ...(restart && !['', 'no'].includes(restart.Name) ? { restart } : {}),
  };
}

/** Connections live on: a socket keeps its address, and what it sends is lost until that is back. */
export async function loosen({ id, networks, restart }: DockerTies): Promise<void> {
  if (restart) await docker('POST', `/containers/${id}/update`, { RestartPolicy: { Name: 'no' } });
  for (const { name } of networks)
    await docker('POST', `/networks/${name}/disconnect`, { Container: id, Force: true });
}

/** Done in part is as good: what is connected already stays so. */
export async function tieDocker({ id, networks, restart }: DockerTies): Promise<void> {
  const failures: string[] = [];
  for (const { name, endpoint } of networks) {
    await docker('POST', `/networks/${name}/connect`, { Container: id, EndpointConfig: endpoint }).catch(
      (error: Error) => {
        if (!/already exists in network|already attached/.test(error.message))
          failures.push(`${name}: ${error.message}`);
      },
    );
  }
  if (restart) {
    await docker('POST', `/containers/${id}/update`, { RestartPolicy: restart }).catch((error: Error) => {
      failures.push(`its restart policy: ${error.message}`);
    });
  }
  if (failures.length > 0) throw new Error(failures.join('; '));
}
