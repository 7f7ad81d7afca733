// Regular files that a process tree needs at the destination, and those that must travel with it.
import { createHash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { readFile, readlink, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { mappedFiles, type OpenFd } from './proc.js';

export interface NeededFile {
  path: string;
  size: number;
  /** Its content may change as long as the process runs, so that it is compared only once it is frozen. */
  writable: boolean;
  /** It is mapped or executed: the destination's own copy must be the same build. */
  mapped: boolean;
}

export interface FileInventory {
  files: NeededFile[];
  /** Working and root directories. */
  directories: string[];
}

/** Mask of the access mode in open(2) flags. */
const O_ACCMODE = 3;

const isWritable = (flags: number): boolean => (flags & O_ACCMODE) !== constants.O_RDONLY;

/** True for a path of the file system, and not of proc, sysfs or a device tree. */
function isOrdinary(path: string): boolean {
  return path.startsWith('/') && !path.endsWith(' (deleted)') && !/^\/(proc|sys|dev)(\/|$)/.test(path);
}

/**
 * Which files the processes have open, mapped, or for their program.
 *
 * @param place Where this host has a path as the processes see it; undefined: it is no file of the host.
 */
export async function inventory(
  pids: number[],
  fds: OpenFd[],
  place: (path: string) => string | undefined = (path) => path,
): Promise<FileInventory> {
  const files = new Map<string, NeededFile>();
  const directories = new Set<string>();
  const add = async (seen: string, facts: { writable?: boolean; mapped?: boolean }) => {
    const path = isOrdinary(seen) ? place(seen) : undefined;
    if (path === undefined) return;
    const found = await stat(path).catch(() => undefined);
    if (found?.isDirectory()) directories.add(path);
    if (!found?.isFile()) return;
    const known = files.get(path);
    files.set(path, {
      path,
      size: found.size,
      writable: (known?.writable ?? false) || (facts.writable ?? false),
      mapped: (known?.mapped ?? false) || (facts.mapped ?? false),
    });
  };
  for (const { link, flags } of fds) await add(link, { writable: isWritable(flags) });
  for (const pid of pids) {
    const maps = await readFile(`/proc/${pid}/maps`, 'utf8').catch(() => '');
    for (const path of mappedFiles(maps)) await add(path, { mapped: true });
    await add(await readlink(`/proc/${pid}/exe`).catch(() => ''), { mapped: true });
    for (const link of ['cwd', 'root']) await add(await readlink(`/proc/${pid}/${link}`).catch(() => ''), {});
  }
  return { files: [...files.values()], directories: [...directories] };
}

/** Above this size two files of equal size and path are not read to be compared. */
export const HASH_LIMIT = 64 * 1024 * 1024;

/** SHA-256 of a file's content, hex. */
export async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
