// The dump of a container: runc asks for it, and the engine adds what a migration needs.
import { join } from 'node:path';
import type { CriuOptions, criu_opts } from '../../criu/index.js';
import { removeContainer } from '../docker/remove.js';
import type { PageCriu, PageStreamContext } from '../pages.js';
import { type Container, deleteContainer, globalOptions, isKnown } from './container.js';
import { treeWithInner } from './inner-pids.js';
import { RuncCriu } from './runc-criu.js';

export const RUNC_LOG = 'runc.log';

/**
 * runc on its way to the dump of `container` into `imagesDir`. Its record of the container goes when CRIU has killed
 * the processes; as long as one lives runc keeps it.
 */
export function checkpointing(container: Container, criu: string, imagesDir: string): PageCriu {
  const args = [...globalOptions(container), 'checkpoint', '--image-path', imagesDir, container.name];
  const runc = RuncCriu.start({ args, criu, log: join(imagesDir, RUNC_LOG), pages: true });
  return {
    pages: runc.pages,
    dump: (ours, options) => runc.dump(withoutRuncs(ours), options),
    [Symbol.asyncDispose]: () => runc[Symbol.asyncDispose](),
  };
}

/** What runc knows better than we: it has the container's cgroups frozen and dumped. */
function withoutRuncs(ours: CriuOptions): CriuOptions {
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

/** After the move: a runc that was killed leaves its record of a container without processes, and Docker always. */
export async function forget({ name, docker }: Container): Promise<void> {
  if (docker) await removeContainer(name);
  else if (await isKnown(name)) await deleteContainer(name);
}
