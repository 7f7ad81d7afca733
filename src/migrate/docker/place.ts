// What the destination's Docker says when it is asked for a place.
import { type DockerInfo, docker, dockerInfo, find } from './api.js';
import { shimProblem } from './containerd.js';
import type { CreateBody, Inspected, Network } from './types.js';

export interface PlaceWanted {
  name: string;
  image: { id: string; name: string };
  /** Ids. */
  networks: string[];
}

export interface DockerPlace {
  /** Absent: no daemon answers, which `problem` tells. */
  info?: DockerInfo;
  problem?: string;
  /** There is a container of that name. */
  known: boolean;
  /** What the image is to be called here; absent: it is not here. */
  image?: string;
  /** Of the networks, those that this node knows by now. */
  networks: string[];
  shimProblem?: string;
}

export async function dockerPlace({ name, image, networks }: PlaceWanted): Promise<DockerPlace> {
  const info = await dockerInfo().catch((error: Error) => error);
  if (info instanceof Error) return { problem: info.message, known: false, networks: [] };
  const [container, called, there, problem] = await Promise.all([
    find<Inspected>(`/containers/${name}/json`),
    imageHere(image),
    Promise.all(networks.map((network) => find<Network>(`/networks/${network}`))),
    shimProblem(),
  ]);
  return {
    info,
    known: container !== undefined,
    ...(called === undefined ? {} : { image: called }),
    networks: there.flatMap((network) => (network ? [network.Id] : [])),
    ...(problem === undefined ? {} : { shimProblem: problem }),
  };
}

/** By its name where that means the same image here, else by its id. */
async function imageHere({ id, name }: PlaceWanted['image']): Promise<string | undefined> {
  const named = await find<{ Id: string }>(`/images/${encodeURIComponent(name)}/json`);
  if (named?.Id === id) return name;
  return (await find<{ Id: string }>(`/images/${encodeURIComponent(id)}/json`)) ? id : undefined;
}

export interface CreatedContainer {
  id: string;
  /** Its writable layer. */
  upper?: string;
  /** Where the daemon will look for what it has printed so far, when it starts. */
  log?: string;
  warnings: string[];
}

export async function createContainer(name: string, body: CreateBody): Promise<CreatedContainer> {
  const path = `/containers/create?name=${encodeURIComponent(name)}`;
  const { Id, Warnings } = await docker<{ Id: string; Warnings: string[] | null }>('POST', path, body);
  const { GraphDriver, HostConfig } = await docker<Inspected>('GET', `/containers/${Id}/json`);
  const { DockerRootDir } = await dockerInfo();
  const upper = GraphDriver.Data?.UpperDir;
  // The one whose files need nothing but to be there.
  const isFile = HostConfig.LogConfig?.Type === 'json-file';
  return {
    id: Id,
    ...(upper ? { upper } : {}),
    ...(isFile ? { log: `${DockerRootDir}/containers/${Id}/${Id}-json.log` } : {}),
    warnings: Warnings ?? [],
  };
}
