// The mount that crun makes beside a bundle for CRIU to find the root file system at. A crun that is killed in a restore
// leaves it, and the next restore of that bundle fails.
import { readFile, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { run } from '../run.js';
import { unescapePath } from './mounts.js';

const NAME = 'criu-root';

/** Unmounts what crun has left in the directories that `isOurs` says yes to. None is as good. */
export async function removeCriuRoots(isOurs: (bundle: string) => boolean): Promise<void> {
  const table = await readFile('/proc/self/mountinfo', 'utf8');
  const mounts = table.split('\n').map((line) => unescapePath(line.split(' ')[4] ?? ''));
  for (const path of mounts.filter((each) => each.endsWith(`/${NAME}`))) {
    if (!isOurs(dirname(path))) continue;
    await run('umount', ['--lazy', '--recursive', path]);
    await rmdir(path);
  }
}
