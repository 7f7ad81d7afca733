// Room on file systems.
import { stat, statfs } from 'node:fs/promises';
import path from 'node:path';

export interface Space {
  /** Number of the file system's device: paths on one share its room. */
  device: number;
  /** Bytes. */
  available: number;
}

/** The room at each path, or at the nearest directory above it that is there. */
export function spaceAt(paths: string[]): Promise<Space[]> {
  return Promise.all(paths.map(nearest));
}

async function nearest(at: string): Promise<Space> {
  try {
    const [{ dev }, { bavail, bsize }] = await Promise.all([stat(at), statfs(at)]);
    return { device: dev, available: bavail * bsize };
  } catch (error) {
    if (at === path.dirname(at)) throw error;
    return nearest(path.dirname(at));
  }
}
