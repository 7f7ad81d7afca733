// The containers of this host that a migration can be asked for by name.
import { docker } from './docker/api.js';
import type { Inspected } from './docker/types.js';
import { listContainers, RUNTIMES, type Runtime } from './oci/runtime.js';
import { podman } from './podman/cli.js';
import { isPodmanBundle } from './podman/container.js';

export interface NamedContainer {
  /** `runc:NAME`, `crun:NAME`, `docker:NAME`, `podman:NAME`. */
  target: string;
  /** Its first process. */
  pid: number;
  /** Directory of config.json, where its owner has made it. */
  bundle?: string;
}

/** But for those that Podman keeps, which have names there. */
async function ofRuntime(runtime: Runtime): Promise<NamedContainer[]> {
  const listed = await listContainers(runtime);
  const own = listed.filter(({ bundle }) => !isPodmanBundle(bundle));
  return own.map(({ id, pid, bundle }) => ({ target: `${runtime}:${id}`, pid, bundle }));
}

/** None where no daemon answers. */
async function ofDocker(): Promise<NamedContainer[]> {
  const listed = await docker<{ Id: string }[]>('GET', '/containers/json').catch(() => []);
  const all = await Promise.all(
    listed.map(({ Id }) => docker<Inspected>('GET', `/containers/${Id}/json`).catch(() => undefined)),
  );
  return all.flatMap((found) =>
    found ? [{ target: `docker:${found.Name.replace(/^\//, '')}`, pid: found.State.Pid }] : [],
  );
}

async function ofPodman(): Promise<NamedContainer[]> {
  const listed = await podman(['ps', '--format', 'json']).catch(() => '[]');
  const all = JSON.parse(listed) as { Names: string[]; Pid: number }[];
  return all.map(({ Names: [name = ''], Pid: pid }) => ({ target: `podman:${name}`, pid }));
}

export const containersHere = async (): Promise<NamedContainer[]> =>
  (await Promise.all([...RUNTIMES.map(ofRuntime), ofDocker(), ofPodman()])).flat();
