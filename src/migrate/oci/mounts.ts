// Mounts that a container may only read. CRIU makes its root file system from a mount that the runtime gives it, and
// leaves that writable; what the others forbid it knows, but for files that are mounted over /proc.
import { readFile } from 'node:fs/promises';
import { RoamError } from '../../errors.js';
import { tryRun } from '../run.js';

export interface Mount {
  /** In the container. */
  path: string;
  /** Of this mount, not of its file system: `ro`, `nosuid`, `noatime`… */
  options: string[];
}

/** Escapes of proc(5). */
export const unescapePath = (path: string): string =>
  path.replace(/\\(\d{3})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 8)));

/** What is seen of the mounts of a namespace: of several at one place the last. @param table /proc/PID/mountinfo */
export function visibleMounts(table: string): Mount[] {
  const mounts = new Map<string, Mount>();
  for (const line of table.split('\n')) {
    const [, , , , path, options] = line.split(' ');
    if (path && options) mounts.set(path, { path: unescapePath(path), options: options.split(',') });
  }
  return [...mounts.values()];
}

/** The paths that are mounted read-only for a process. */
export async function readOnlyPaths(pid: number): Promise<string[]> {
  const mounts = visibleMounts(await readFile(`/proc/${pid}/mountinfo`, 'utf8'));
  return mounts.filter(({ options }) => options.includes('ro')).map(({ path }) => path);
}

/**
 * Makes them read-only again in the mount namespace of a process that does not run yet.
 *
 * @throws RoamError MOUNT_WRITABLE
 */
export async function makeReadOnly(pid: number, paths: string[]): Promise<void> {
  const mounts = visibleMounts(await readFile(`/proc/${pid}/mountinfo`, 'utf8'));
  const writable = mounts.filter(({ path, options }) => paths.includes(path) && options.includes('rw'));
  await Promise.all(
    writable.map(async ({ path, options }) => {
      const wanted = ['remount', 'bind', 'ro', ...options.filter((option) => option !== 'rw')];
      const namespace = `/proc/${pid}/ns/mnt`;
      const { exitCode, stderr } = await tryRun('mount', [
        ...['--namespace', namespace],
        ...['--options', wanted.join(',')],
        path,
      ]);
      if (exitCode !== 0)
        throw new RoamError(
          'MOUNT_WRITABLE',
          `${path} of the container was mounted read-only and cannot be made so here: ${stderr.trim()}`,
        );
    }),
  );
}
