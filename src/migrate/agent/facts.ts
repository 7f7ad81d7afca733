// What preflight asks about a host; the source asks itself the same questions.
import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { arch, hostname } from 'node:os';
import { zstdVersion } from '../../sys/index.js';
import { arpAnnouncer, localAddresses } from '../address.js';
import { HASH_LIMIT, sha256 } from '../files.js';
import { demandRoot } from '../privilege.js';
import { parseStat, statusBytes } from '../proc.js';
import { readRanges } from '../ranges.js';
import { deviceQps, moduleFacts, mrKeys } from '../rdma.js';
import { hasProgram } from '../run.js';
import { criuFeatures, hostVersions } from '../version.js';
import { linkFacts } from './links.js';
import { PARENTS } from './prepare.js';
import type { FactsWanted, HashedFile, HostFacts } from './protocol.js';
import { spaceAt } from './space.js';

/** Where CRIU 4 looks for plugins, unless CRIU_LIBS_DIR says otherwise. */
const PLUGIN_DIRECTORIES = ['/usr/lib/criu', '/usr/local/lib/criu', '/var/lib/criu'];

/** SHA-256 of the plugin that CRIU loads here; undefined: it has none. */
async function pluginHash(): Promise<string | undefined> {
  const directories = process.env.CRIU_LIBS_DIR ? [process.env.CRIU_LIBS_DIR] : PLUGIN_DIRECTORIES;
  for (const dir of directories) {
    const hash = await sha256(`${dir}/roam_rdma_plugin.so`).catch(() => undefined);
    if (hash) return hash;
  }
  return undefined;
}

/** Milliseconds of CLOCK_REALTIME and of CLOCK_MONOTONIC. */
export const clock = () => ({ now: Date.now(), monotonic: Number(process.hrtime.bigint() / 1_000_000n) });

/** @throws RoamError NOT_ROOT */
export async function hostFacts(criu: string, wanted: FactsWanted): Promise<HostFacts> {
  demandRoot();
  const { programs } = wanted;
  const module = await moduleFacts();
  const migratable = wanted.rdma && module !== undefined;
  const [versions, features, plugin, addresses, links, space, qpns, keys, memory, announcer, ranges] =
    await Promise.all([
      hostVersions(criu),
      criuFeatures(criu),
      pluginHash(),
      localAddresses(),
      linkFacts(),
      spaceAt(PARENTS),
      migratable ? deviceQps() : [],
      migratable ? mrKeys() : [],
      readFile('/proc/meminfo', 'utf8'),
      wanted.announce ? arpAnnouncer() : undefined,
      migratable ? readRanges() : undefined,
    ]);
  const zstd = zstdVersion();
  const present = await Promise.all(programs.map(hasProgram));
  return {
    hostname: hostname(),
    versions,
    arch: arch(),
    criuPlugin: plugin !== undefined,
    ...(plugin ? { pluginHash: plugin } : {}),
    dirtyTracking: features.memTrack,
    ...(module ? { moduleAbi: { abi: module.abi, dump: module.dump, keyId: module.keyId } } : {}),
    lazyPages: features.lazyPages,
    ...(zstd ? { zstd } : {}),
    addresses,
    links,
    imageSpace: space.map((place, i) => ({ ...place, path: PARENTS[i] as string })),
    qpns,
    mrKeys: keys,
    ...(ranges ? { ranges } : {}),
    memoryAvailable: statusBytes(memory, 'MemAvailable'),
    timeNamespaces: existsSync('/proc/self/ns/time'),
    missingPrograms: programs.filter((_, i) => !present[i]),
    canAnnounce: announcer !== undefined,
  };
}

/** Ids in use as pid, thread id, process group or session, with the command that uses them. */
export async function takenIds(ids: number[]): Promise<{ id: number; comm: string }[]> {
  const wanted = new Set(ids);
  const taken = new Map<number, string>();
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const [text, threads] = await Promise.all([
      readFile(`/proc/${name}/stat`, 'utf8').catch(() => ''),
      readdir(`/proc/${name}/task`).catch(() => []),
    ]);
    if (!text) continue;
    const { comm, pgid, sid } = parseStat(text);
    for (const id of [...threads.map(Number), pgid, sid]) {
      if (wanted.has(id) && !taken.has(id)) taken.set(id, comm);
    }
  }
  return [...taken].map(([id, comm]) => ({ id, comm }));
}

export const MISSING = -1;
export const DIRECTORY = -2;

export function sizes(paths: string[]): Promise<number[]> {
  return Promise.all(
    paths.map(async (path) => {
      const found = await stat(path).catch(() => undefined);
      return found === undefined ? MISSING : found.isDirectory() ? DIRECTORY : found.size;
    }),
  );
}

/** Paths that hold here what the source says they hold there. */
export async function identical(files: HashedFile[]): Promise<string[]> {
  const same: string[] = [];
  for (const { path, size, sha256: expected } of files) {
    const found = await stat(path).catch(() => undefined);
    if (!found?.isFile() || found.size !== size || size > HASH_LIMIT) continue;
    if (expected && (await sha256(path)) === expected) same.push(path);
  }
  return same;
}
