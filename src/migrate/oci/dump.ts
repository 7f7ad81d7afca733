// The dump of a container: its runtime asks for it, and the engine adds what a migration needs.
import { join } from 'node:path';
import type { CriuOptions, criu_opts } from '../../criu/index.js';
import { removeMade } from '../managed/move.js';
import type { PageCriu, PageStreamContext } from '../pages.js';
import { type Container, globalOptions } from './container.js';
import { treeWithInner } from './inner-pids.js';
import { deleteContainer, isKnown } from './runtime.js';
import { RuntimeCriu } from './runtime-criu.js';

export const RUNTIME_LOG = 'runtime.log';

/**
 * The runtime on its way to the dump of `container` into `imagesDir`. Its record of the container goes when CRIU has
 * killed the processes; as long as one lives the runtime keeps it.
 */
export function checkpointing(container: Container, criu: string, imagesDir: string): PageCriu {
  const { runtime, name } = container;
  const args = [...globalOptions(container), 'checkpoint', '--image-path', imagesDir, name];
  const asking = RuntimeCriu.start({ runtime, args, criu, log: join(imagesDir, RUNTIME_LOG), pages: true });
  return {
    pages: asking.pages,
    dump: (ours, options) => asking.dump(withoutTheirs(ours), options),
    [Symbol.asyncDispose]: () => asking[Symbol.asyncDispose](),
  };
}

/** What the runtime knows better than we: it has the container's cgroups frozen and dumped. */
function withoutTheirs(ours: CriuOptions): CriuOptions {
  const { manageCgroupsMode: _, shellJob: __, ...rest } = ours as Partial<criu_opts>;
  return rest as CriuOptions;
}

/** What the stream of pages has to know of a container. */
export function pageOptions(
  container: Container | undefined,
  criu: string,
): Pick<PageStreamContext, 'dumping' | 'hostPid'> {
  if (!container) return {};
  return {
    dumping: (imagesDir) => checkpointing(container, criu, imagesDir),
    hostPid: async (inner) => (await treeWithInner(container.pid)).find((task) => task.inner === inner)?.pid,
  };
}

/** After the move: a runtime that was killed leaves its record of a container without processes, and Docker and Podman always. */
export async function forget(container: Container): Promise<void> {
  const manager = container.docker ? 'docker' : container.podman && 'podman';
  if (manager) await removeMade({ manager, id: container.name });
  else if (await isKnown(container)) await deleteContainer(container);
}
