// The dump at the source, up to CRIU's post-dump notification and beyond it.
import { readFile } from 'node:fs/promises';
import { criu_cg_mode, criu_network_lock_method } from '../criu/index.js';
import type { PageRound } from '../criu/pages/index.js';
import { CriuError, RoamError } from '../errors.js';
import { keepCriuLog } from './logs.js';
import { runIn } from './netns/enter.js';
import { locksTcp } from './netns/inside.js';
import type { PageStream } from './pages.js';
import { lives } from './proc.js';
import type { SourceFacts } from './source.js';

export const DUMP_LOG = 'dump.log';

/** Largest deleted file whose content goes into the images, bytes. */
const GHOST_LIMIT = 64 * 1024 * 1024;

/** Seconds that CRIU may take to stop the tasks. */
export const SEIZE_TIMEOUT = 120;

export interface DumpHooks {
  /** CRIU is about to stop the tasks. */
  freezing: () => void;
  /**
   * The tasks are stopped, their memory is at the destination and the other images are complete. Throwing lets
   * the tasks run on; returning kills them.
   */
  dumped: (memory: PageRound) => Promise<void>;
}

/**
 * Dumps the tree. Resolves after CRIU has killed it; rejects after CRIU has let it run on.
 *
 * @throws CriuError; with code CRIU_CANCELLED and the reason as its cause when `dumped` threw
 */
export async function dumpTree(
  source: SourceFacts,
  pages: PageStream,
  tcpClose: boolean,
  hooks: DumpHooks,
): Promise<void> {
  const locks = locksTcp(source, tcpClose);
  await pages.last(({ criu, opts, sent }) =>
    criu.dump(
      {
        ...opts,
        pid: source.pid,
        logFile: DUMP_LOG,
        logLevel: 4,
        leaveRunning: false,
        tcpEstablished: true,
        tcpClose,
        shellJob: source.shellJob,
        fileLocks: true,
        linkRemap: true,
        evasiveDevices: true,
        extUnixSk: true,
        ghostLimit: GHOST_LIMIT,
        timeout: SEIZE_TIMEOUT,
        manageCgroupsMode: criu_cg_mode.IGNORE,
        networkLock: locks ? criu_network_lock_method.NFTABLES : criu_network_lock_method.SKIP,
      },
      {
        onNotify: async ({ script }) => {
          if (script === 'pre-dump') hooks.freezing();
          if (script === 'post-dump') await hooks.dumped(await sent);
        },
      },
    ),
  );
}

/** Why a dump failed, in the words of whoever made it fail. */
export async function reasonOf(error: unknown, pid: number, dir: string, id: string): Promise<unknown> {
  const reason = error instanceof CriuError && error.code === 'CRIU_CANCELLED' ? error.cause : error;
  if (reason === error && !(await lives(pid)))
    return new RoamError('NO_SUCH_PROCESS', `process ${pid} ended by itself before it was frozen`);
  return keepCriuLog(reason, `${dir}/images/${DUMP_LOG}`, id);
}

/** Tables whose name is one that CRIU made from its run id: `CRIU-` and the id, cut at 31 characters. */
export function lockTables(log: string, tables: string[]): string[] {
  const made = [...log.matchAll(/CRIU run id = ([0-9a-f-]+)/g)].map(([, id]) => `CRIU-${id}`);
  return tables.filter(
    (table) => /^CRIU-[0-9a-f-]{8}/.test(table) && made.some((name) => name.startsWith(table)),
  );
}

interface NftList {
  nftables: { table?: { family: string; name: string } }[];
}

/**
 * Removes the table by which CRIU silenced the connections: after a dump that kills, it leaves it behind, and
 * a process that comes back to this host would stay silent. After any other one it may be there (`required`).
 * In a network namespace of its own (`netns`, a path) CRIU has silenced all that is in it.
 */
export async function removeNetworkLock(
  dir: string,
  { required = true, netns }: { required?: boolean; netns?: string | undefined } = {},
): Promise<void> {
  const log = await readFile(`${dir}/images/${DUMP_LOG}`, 'utf8').catch((error: Error) => {
    if (required) throw error;
    return '';
  });
  if (!log) return;
  const list = JSON.parse(await runIn(netns, ['nft', '-j', 'list', 'tables'])) as NftList;
  const names = list.nftables.flatMap(({ table }) => (table?.family === 'inet' ? [table.name] : []));
  const tables = lockTables(log, names);
  if (tables.length === 0 && required) throw new Error('none of its tables is there');
  for (const table of tables) await runIn(netns, ['nft', 'delete', 'table', 'inet', table]);
}
