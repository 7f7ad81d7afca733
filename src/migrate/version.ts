// Which versions of everything run on this host.
import { realpath } from 'node:fs/promises';
import { release } from 'node:os';
import { Criu, type CriuFeatures } from '../criu/index.js';
import { packageVersion } from '../package-version.js';
import { moduleVersion } from './rdma.js';
import type { HostVersions } from './types.js';

/** `4.1.1`. */
export async function criuVersion(path: string): Promise<string> {
  await using criu = await Criu.swrk({ path });
  const { major, minor, sublevel } = await criu.version();
  return `${major}.${minor}${sublevel ? `.${sublevel}` : ''}`;
}

/** Where the loader finds libibverbs; its full name ends in the version of rdma-core: libibverbs.so.1.14.56.1. */
const LIBRARY_DIRECTORIES = [
  '/usr/lib/x86_64-linux-gnu',
  '/usr/lib/aarch64-linux-gnu',
  '/usr/lib64',
  '/usr/lib',
];

async function rdmaCoreVersion(): Promise<string | undefined> {
  for (const dir of LIBRARY_DIRECTORIES) {
    const file = await realpath(`${dir}/libibverbs.so.1`).catch(() => '');
    const version = /\.so\.1\.\d+\.([\d.]+)$/.exec(file)?.[1];
    if (version) return version;
  }
  return undefined;
}

/**
 * What CRIU and the kernel can do. CRIU remembers it (/run/criu.kdat, once per boot): otherwise the first dump or
 * restore would find it out while the processes are frozen.
 */
export async function criuFeatures(path: string): Promise<CriuFeatures> {
  await using criu = await Criu.swrk({ path });
  return await criu.featureCheck();
}

export async function hostVersions(criu: string): Promise<HostVersions> {
  const [criuFound, roam, module, rdmaCore] = await Promise.all([
    criuVersion(criu),
    packageVersion(),
    moduleVersion(),
    rdmaCoreVersion(),
  ]);
  return {
    kernel: release(),
    criu: criuFound,
    roam,
    ...(module ? { module } : {}),
    ...(rdmaCore ? { rdmaCore } : {}),
  };
}

/** `4.1.1` is at least `4.0`. */
export function isAtLeast(version: string, least: string): boolean {
  const [a, b] = [version, least].map((text) => text.split('.').map(Number)) as [number[], number[]];
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}
