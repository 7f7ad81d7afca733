// A container of Podman at the destination: Podman starts it from a checkpoint, with its processes and QPs left stopped.
import { copyFile, mkdir } from 'node:fs/promises';
import { RESTORE_LOG } from '../agent/tasks.js';
import { keepCriuLog } from '../logs.js';
import { ManagedCriu } from '../managed/criu.js';
import type { ContainerOrder, RestorePlace } from '../oci/restore.js';
import { restoreOptions } from '../oci/restore-options.js';
import { type RestoredContainer, restored } from '../oci/restored.js';
import { podmanBeforeCriu } from './before-criu.js';
import { inspectPodman } from './cli.js';
import type { Inspected } from './types.js';

export interface PodmanOrder {
  /** That of the container, on both hosts. */
  id: string;
  /** Directory of config.json here. */
  bundle: string;
}

/** Of the images, what Podman and the runtime look at themselves. */
const FOR_PODMAN = ['inventory.img', 'descriptors.json'];

/**
 * `podman container restore`. The checkpoint that Podman gets to see is one in name: CRIU is told where the images are.
 *
 * @throws CriuError, or PodmanError when Podman does not come as far as CRIU
 */
export async function restorePodman(
  order: ContainerOrder & { podman: PodmanOrder },
  { criu, dir, id: migration, tcpClose }: Omit<RestorePlace, 'lazy'>,
): Promise<RestoredContainer> {
  const started = performance.now();
  const { id, bundle } = order.podman;
  const images = `${dir}/images`;
  // Podman removes it when the container runs.
  const checkpoint = `${bundle}/checkpoint`;
  await mkdir(checkpoint, { recursive: true, mode: 0o700 });
  for (const file of FOR_PODMAN) await copyFile(`${images}/${file}`, `${checkpoint}/${file}`);
  await using asked = await ManagedCriu.await(id, criu);
  const starting = podmanBeforeCriu(['container', 'restore', id], dir);
  const restoring = asked.perform(restoreOptions(images, tcpClose));
  restoring.catch(() => {});
  // CRIU's own words come first; Podman may also fail before CRIU has begun.
  await Promise.race([restoring, starting.then(() => restoring)]).catch(async (error) => {
    throw await keepCriuLog(error, `${images}/${RESTORE_LOG}`, migration);
  });
  await starting;
  const pid = (await inspectPodman<Inspected>('container', id))?.State.Pid ?? 0;
  return restored(pid, started, order);
}
