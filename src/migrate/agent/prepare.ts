// A place for images and carried files: in memory if it is large enough.
import { mkdir, statfs } from 'node:fs/promises';
import { RoamError } from '../../errors.js';
import { mebibytes } from '../run.js';

/** Candidates, best first; only the first two are certain to be memory. */
export const PARENTS = ['/dev/shm', '/run', '/var/tmp'];

/** Room for images at the source, bytes: without pages they are small, but for deleted files that are still open. */
export const LOCAL_IMAGES = 64 * 1024 * 1024;

/**
 * Where there is room for `bytes`. The journal names the place before anything is there: whoever comes after a crash
 * knows what to remove.
 *
 * @throws RoamError NO_SPACE
 */
export async function placeFor(id: string, bytes: number): Promise<string> {
  const free: string[] = [];
  for (const parent of PARENTS) {
    const fs = await statfs(parent).catch(() => undefined);
    if (!fs) continue;
    const available = fs.bavail * fs.bsize;
    if (available >= bytes) return `${parent}/${id}`;
    free.push(`${parent} has ${mebibytes(available)}`);
  }
  throw new RoamError('NO_SPACE', `no room for ${mebibytes(bytes)} of images (${free.join(', ')})`, {
    remedy: `free space in ${PARENTS.join(' or ')}`,
  });
}

/** Makes the directory, readable by root alone. */
export async function prepareDirectory(dir: string): Promise<void> {
  await mkdir(`${dir}/images`, { recursive: true, mode: 0o700 });
}
