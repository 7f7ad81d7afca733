// What RDMA objects processes and hosts hold.
import { PAGE } from '../criu/pages/protocol.js';
import type { PageRange } from '../criu/pages/types.js';
import { RoamError } from '../errors.js';
import { openRxe, processContexts, type RxeContext } from '../rxe/index.js';
import { rdmaLinks } from './address.js';
import { openFds } from './proc.js';
import { run } from './run.js';
import type { MovedObjects } from './types.js';

/** True if the process has a verbs device open; asked without the addon, which a host without RDMA lacks. */
async function usesVerbs(pid: number): Promise<boolean> {
  return (await openFds(pid)).some(({ link }) => link.startsWith('/dev/infiniband/uverbs'));
}

/** Runs `fn` with every verbs context of the given processes, and lets go of them afterwards. */
export async function withContexts<T>(
  pids: number[],
  fn: (contexts: RxeContext[]) => Promise<T> | T,
): Promise<T> {
  const contexts: RxeContext[] = [];
  try {
    for (const pid of pids) if (await usesVerbs(pid)) contexts.push(...processContexts(pid));
    return await fn(contexts);
  } finally {
    for (const context of contexts) context.close();
  }
}

/**
 * Resumes the QPs of every verbs context of the given processes. One context that cannot be resumed keeps none
 * of the others stopped; what went wrong comes back in words.
 */
export function resumeContexts(pids: number[]): Promise<{ contexts: number; failures: string[] }> {
  return withContexts(pids, (contexts) => {
    const failures: string[] = [];
    for (const context of contexts) {
      try {
        context.resume();
      } catch (error) {
        failures.push(`${context.device} of process ${context.pid}: ${(error as Error).message}`);
      }
    }
    return { contexts: contexts.length, failures };
  });
}

/** Before each round of pre-copy: the process may have opened another device since the last one. */
export function trackMemory(pids: number[]): Promise<void> {
  return withContexts(pids, (contexts) => {
    for (const context of contexts) if (context.isRxe) context.trackMemory();
  });
}

/**
 * Page ranges of a process whose QPs are stopped, ascending and apart: those that its devices have pinned, and those
 * of them that they may have written to.
 */
export async function deviceMemory(pid: number): Promise<{ pinned: PageRange[]; written: PageRange[] }> {
  const regions = await withContexts([pid], (contexts) =>
    contexts.filter(({ isRxe }) => isRxe).flatMap((context) => context.registeredMemory()),
  );
  const size = BigInt(PAGE);
  const pages = (wanted: typeof regions) =>
    mergeRanges(
      wanted.map(({ start, length }) => ({
        first: Number(start / size),
        end: Number((start + length + size - 1n) / size),
      })),
    );
  return { pinned: pages(regions), written: pages(regions.filter(({ writable }) => writable)) };
}

/** The union of half-open ranges, ascending and apart. */
export function mergeRanges(ranges: PageRange[]): PageRange[] {
  const merged: PageRange[] = [];
  for (const { first, end } of [...ranges].sort((a, b) => a.first - b.first)) {
    const before = merged.at(-1);
    if (before && first <= before.end) before.end = Math.max(before.end, end);
    else merged.push({ first, end });
  }
  return merged;
}

interface Resource {
  ifname?: string;
  pid?: number;
  lkey?: number | string;
  rkey?: number | string;
  local_dma_lkey?: number | string;
  mrlen?: number;
}

/** Objects of one kind on this host (rdma-resource(8)). */
async function resources(kind: 'mr' | 'cq' | 'pd'): Promise<Resource[]> {
  const text = await run('rdma', ['-j', '-d', 'resource', 'show', kind], {
    remedy: 'install iproute2 with the rdma tool',
  });
  return text.trim() ? (JSON.parse(text) as Resource[]) : [];
}

/** The tool prints keys in JSON as strings of hexadecimal digits without a prefix. */
export function parseKey(value: number | string | undefined): number {
  if (value === undefined) return 0;
  return typeof value === 'number' ? value : Number.parseInt(value, 16);
}

/** Keys of the MRs here. Those that the kernel has for itself are in no list of MRs, only with their PD; pid is 0. */
export async function mrKeys(): Promise<{ device: string; key: number; pid: number }[]> {
  const [mrs, pds] = await Promise.all([resources('mr'), resources('pd')]);
  const own = pds.map((pd) => ({ ...pd, lkey: pd.local_dma_lkey }));
  return [...mrs, ...own]
    .map(({ ifname = '', lkey, pid = 0 }) => ({ device: ifname, key: parseKey(lkey), pid }))
    .filter(({ key }) => key !== 0);
}

export interface DeviceQp {
  device: string;
  qpn: number;
  pid: number;
}

/** Every QP of every RDMA device on which the migratable module runs. */
export async function deviceQps(): Promise<DeviceQp[]> {
  const qps: DeviceQp[] = [];
  for (const { device } of await rdmaLinks()) {
    const rxe = openRxe(device);
    try {
      for (const { qpn, pid } of rxe.listQps()) qps.push({ device, qpn, pid });
    } finally {
      rxe.close();
    }
  }
  return qps;
}

/** The stock module, or a host on which nothing of RDMA is installed. */
const NO_MODULE = new Set(['ROAM_UNSUPPORTED', 'ADDON_NOT_BUILT', 'ADDON_NOT_LOADABLE']);

interface ModuleFacts {
  version: string;
  abi: number;
  dump: number;
  /** See `RxeQuery`. */
  keyId?: string;
}

/** The migratable module behind the host's first RDMA device; undefined: stock or none. */
export async function moduleFacts(): Promise<ModuleFacts | undefined> {
  const [link] = await rdmaLinks();
  if (!link) return undefined;
  try {
    const rxe = openRxe(link.device);
    try {
      const { moduleVersion: version, abi, dumpVersion: dump, keyId } = rxe.query();
      return { version, abi, dump, ...(keyId ? { keyId } : {}) };
    } finally {
      rxe.close();
    }
  } catch (error) {
    if (error instanceof RoamError && NO_MODULE.has(error.code)) return undefined;
    throw error;
  }
}

/** Its version. */
export const moduleVersion = async (): Promise<string | undefined> => (await moduleFacts())?.version;

/** The QPs, MRs and CQs of the given processes, as the kernel of this host knows them. */
export async function objectsOf(pids: number[]): Promise<MovedObjects> {
  const own = new Set(pids);
  const [mrs, cqs, qp] = await Promise.all([
    resources('mr'),
    resources('cq'),
    withContexts(pids, (contexts) =>
      contexts.flatMap((context) =>
        context
          .listQps()
          .map(({ qpn, destQpn, type, state }) => ({ qpn, destQpn, type, state, device: context.device })),
      ),
    ),
  ]);
  return {
    qp,
    mr: mrs
      .filter(({ pid }) => own.has(pid ?? 0))
      .map(({ lkey, rkey, mrlen, ifname }) => ({
        lkey: parseKey(lkey),
        rkey: parseKey(rkey),
        length: mrlen,
        device: ifname,
      })),
    cq: cqs.filter(({ pid }) => own.has(pid ?? 0)).length,
  };
}
