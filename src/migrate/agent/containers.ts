// Containers at the destination, for the session of one migration: what is known of them, and how they come to be.
import * as dockers from '../docker/place.js';
import { restoreDocker } from '../docker/restore.js';
import type { Journal } from '../journal.js';
import { type Made, removeMade } from '../managed/move.js';
import { type ContainerOrder, restoreContainer } from '../oci/restore.js';
import type { RestoredContainer } from '../oci/restored.js';
import { deleteContainer, isKnown, runtimeVersion } from '../oci/runtime.js';
import * as podmen from '../podman/place.js';
import { restorePodman } from '../podman/restore.js';
import { livingTasks, ticksNow } from '../task-id.js';
import type { TcpLock } from './network.js';
import type { AgentOps } from './protocol.js';
import type { Step } from './steps.js';

type Args<Op extends keyof AgentOps> = AgentOps[Op]['args'];

/** What the session has of its migration. */
export interface ContainerSession {
  readonly criu: string;
  readonly dir: string;
  readonly id: string;
  readonly journal: Journal | undefined;
  onUndo(step: Step): void;
  onFinish(step: Step): void;
}

export const askRuntime = async (named: Args<'container'>) => {
  const version = await runtimeVersion(named.runtime);
  return { version, known: version !== null && (await isKnown(named)) };
};

async function made(session: ContainerSession, name: string, what: Made): Promise<void> {
  session.onUndo({ what: `removing the container ${name}`, fn: () => removeMade(what) });
  await session.journal?.mark({ made: what });
}

export async function createDocker(session: ContainerSession, { name, body }: Args<'createContainer'>) {
  const created = await dockers.createContainer(name, body);
  await made(session, name, { manager: 'docker', id: created.id });
  return created;
}

export async function createPodman(session: ContainerSession, draft: Args<'createPodman'>) {
  const { id, name } = draft;
  await podmen.demandFree(draft);
  // Beforehand: an import that fails may leave something behind.
  await made(session, name, { manager: 'podman', id });
  return podmen.createFromDescription(draft, session.dir);
}

export async function restoreHere(
  session: ContainerSession,
  order: ContainerOrder,
  { tcpClose, lazy }: Pick<Args<'restore'>, 'tcpClose' | 'lazy'>,
): Promise<RestoredContainer> {
  const { name, runtime, bundle, docker, podman } = order;
  const { criu, dir, id, journal } = session;
  const managed = docker !== undefined || podman !== undefined;
  const record = managed ? {} : { container: { runtime, name, bundle } };
  const begun = { phase: 'restore', since: await ticksNow(), lazy: lazy || undefined } as const;
  await journal?.mark({ ...begun, ...record, pids: [] });
  if (!managed)
    session.onUndo({
      what: `deleting the container ${name}`,
      fn: () => deleteContainer({ runtime, name }, bundle),
    });
  const place = { criu, dir, id, tcpClose, lazy };
  // Its end takes the lock along.
  const keepLock = (lock: TcpLock) => session.onFinish({ what: 'unlocking TCP', fn: () => lock.release() });
  if (docker) return restoreDocker({ ...order, docker }, { ...place, keepLock });
  return podman ? restorePodman({ ...order, podman }, place) : restoreContainer(order, place);
}

/** What whoever comes later has to know of it. */
export async function noteCopy(
  journal: Journal | undefined,
  { pids, stopped }: Pick<RestoredContainer, 'pids' | 'stopped'>,
): Promise<void> {
  const origin = journal && { ...journal.entry.origin, stopped };
  await journal?.mark({ pids, copy: await livingTasks(pids), ...(origin ? { origin } : {}) });
}
