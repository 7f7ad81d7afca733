// A container at the destination: its runtime makes it, with its processes and QPs left stopped.
import { join } from 'node:path';
import { RoamError } from '../../errors.js';
import { RESTORE_LOG } from '../agent/tasks.js';
import type { DockerOrder } from '../docker/restore.js';
import { keepCriuLog } from '../logs.js';
import { fillNetwork, type OwnNetwork, ownNetwork } from '../netns/own.js';
import type { PodmanOrder } from '../podman/restore.js';
import type { SourceFacts } from '../source.js';
import { type Container, globalOptions } from './container.js';
import { RUNTIME_LOG } from './dump.js';
import { innerPids } from './inner-pids.js';
import { readOnlyPaths } from './mounts.js';
import { restoreOptions } from './restore-options.js';
import { type RestoredContainer, restored } from './restored.js';
import type { Named } from './runtime.js';
import { RuntimeCriu } from './runtime-criu.js';

/** What the destination needs to know of a container. */
export interface ContainerOrder extends Named {
  bundle: string;
  systemdCgroup: boolean;
  /** Processes that were stopped before the freeze, by their numbers inside. */
  stopped: number[];
  /** What it may only read, of its mounts. */
  readOnly: string[];
  /** In a network namespace that the runtime makes for it alone. */
  network?: OwnNetwork;
  /** It is one of Docker's. */
  docker?: DockerOrder;
  /** It is one of Podman's. */
  podman?: PodmanOrder;
}

/** @param stopped pids of this host */
export async function orderOf(
  container: Container,
  { inside }: SourceFacts,
  stopped: number[],
): Promise<ContainerOrder> {
  const { runtime, name, bundle, systemdCgroup } = container;
  const network = ownNetwork(container, inside);
  const [inner, readOnly] = await Promise.all([innerPids(stopped), readOnlyPaths(container.pid)]);
  const order = { runtime, name, bundle, systemdCgroup, stopped: inner, readOnly };
  return network ? { ...order, network } : order;
}

export interface RestorePlace {
  criu: string;
  /** Directory of the migration here. */
  dir: string;
  id: string;
  tcpClose: boolean;
  /** Memory that is missing in the images comes from CRIU's lazy pages daemon, which waits for this restore. */
  lazy: boolean;
}

/**
 * `runc restore` (or crun's) of what lies in `dir`.
 *
 * @throws CriuError, or RoamError RUNTIME_FAILED; the runtime has removed what it made then
 */
export async function restoreContainer(
  order: ContainerOrder,
  { criu, dir, id, tcpClose, lazy }: RestorePlace,
): Promise<RestoredContainer> {
  const started = performance.now();
  const images = `${dir}/images`;
  const { runtime, name, bundle, network } = order;
  const args = ['restore', '--detach', '--bundle', bundle, '--image-path', images, name];
  await using asking = RuntimeCriu.start({
    runtime,
    args: [...globalOptions(order), ...args],
    criu,
    log: join(dir, RUNTIME_LOG),
    env: { ROAM_DEFER_RESUME: '1' },
  });
  const ours = { ...restoreOptions(images, tcpClose), lazyPages: lazy };
  const restoring = asking.perform(ours, {
    onNotify: async ({ script, pid }) => {
      if (script === 'setup-namespaces' && pid && network) await fillNetwork(pid, network);
    },
  });
  const { pid, complaint } = await restoring.catch(async (error) => {
    throw await keepCriuLog(error, `${images}/${RESTORE_LOG}`, id);
  });
  if (complaint !== undefined) throw new RoamError('RUNTIME_FAILED', `${runtime} restore: ${complaint}`);
  return restored(pid, started, order);
}
