// A container of Docker at the destination: the daemon starts it from a checkpoint, with its processes and QPs left
// stopped.
import { copyFile, mkdir, rm } from 'node:fs/promises';
import { TcpLock } from '../agent/network.js';
import { RESTORE_LOG } from '../agent/tasks.js';
import { keepCriuLog } from '../logs.js';
import { ManagedCriu } from '../managed/criu.js';
import type { ContainerOrder } from '../oci/restore.js';
import { restoreOptions } from '../oci/restore-options.js';
import { type RestoredContainer, restored } from '../oci/restored.js';
import type { TcpEnds } from '../tcp.js';
import { docker, dockerInfo } from './api.js';
import { standBeforeCriu } from './containerd.js';
import type { Inspected } from './types.js';

/** Name of the checkpoint while it is there. */
const CHECKPOINT = 'roam';

/** Where runc keeps which descriptors of a container are its own pipes. */
const DESCRIPTORS = 'descriptors.json';

export interface DockerOrder {
  /** That of the container here. */
  id: string;
  /** TCP connections on networks of its own: silent until the process is let go. */
  connections: TcpEnds[];
}

interface Place {
  criu: string;
  dir: string;
  id: string;
  tcpClose: boolean;
  /** Given as soon as the container has a network. */
  keepLock: (lock: TcpLock) => void;
}

/**
 * `docker start --checkpoint`. The checkpoint that Docker gets to see is one in name: what it would copy twice stays where it is, and
 * CRIU is told where.
 *
 * @throws CriuError, or DockerError when the daemon does not come as far as CRIU
 */
export async function restoreDocker(
  order: ContainerOrder & { docker: DockerOrder },
  { criu, dir, id: migration, tcpClose, keepLock }: Place,
): Promise<RestoredContainer> {
  const started = performance.now();
  const { id, connections } = order.docker;
  const images = `${dir}/images`;
  const { DockerRootDir } = await dockerInfo();
  const checkpoint = `${DockerRootDir}/containers/${id}/checkpoints/${CHECKPOINT}`;
  await mkdir(checkpoint, { recursive: true, mode: 0o700 });
  await using asked = await ManagedCriu.await(id, criu);
  await using _ = await standBeforeCriu();
  try {
    await copyFile(`${images}/${DESCRIPTORS}`, `${checkpoint}/${DESCRIPTORS}`);
    const starting = docker('POST', `/containers/${id}/start?checkpoint=${CHECKPOINT}`);
    const restoring = asked.perform(restoreOptions(images, tcpClose), {
      inItsCgroup: true,
      onNotify: async ({ script, pid }) => {
        if (script !== 'setup-namespaces' || !pid || connections.length === 0) return;
        // The network is empty yet: it gets its address when runc has been told the same.
        const lock = new TcpLock(migration, connections, `/proc/${pid}/ns/net`);
        keepLock(lock);
        await lock.set(connections);
      },
    });
    restoring.catch(() => {});
    // CRIU's own words come first; the daemon may also fail before CRIU has begun.
    await Promise.race([restoring, starting.then(() => restoring)]).catch(async (error) => {
      throw await keepCriuLog(error, `${images}/${RESTORE_LOG}`, migration);
    });
    await starting;
  } finally {
    await rm(checkpoint, { recursive: true, force: true });
  }
  const { State } = await docker<Inspected>('GET', `/containers/${id}/json`);
  return restored(State.Pid, started, order);
}
