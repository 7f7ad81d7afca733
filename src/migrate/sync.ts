// Directories that travel with the process: copied while it runs, and again, delta only, in the freeze.
import { lstat } from 'node:fs/promises';
import { isAbsolute, normalize, sep } from 'node:path';
import { RoamError } from '../errors.js';
import { SSH_OPTIONS, shellQuote } from './agent/transport.js';
import { tryRun } from './run.js';

/** Whole file systems and the places of programs are not one process's to replace on another host. */
const TOO_MUCH = new Set([
  '/',
  '/bin',
  '/boot',
  '/dev',
  '/etc',
  '/lib',
  '/proc',
  '/root',
  '/run',
  '/sys',
  '/usr',
  '/var',
]);

/**
 * Checks paths for `--sync`.
 *
 * @returns the paths in normal form
 * @throws RoamError BAD_SYNC_PATH
 */
export async function syncPaths(paths: string[]): Promise<string[]> {
  const checked: string[] = [];
  for (const given of paths) {
    const path = normalize(given).replace(/(?<=.)\/$/, '');
    const refuse = (why: string, remedy: string) =>
      new RoamError('BAD_SYNC_PATH', `--sync ${given}: ${why}`, { remedy });
    if (!isAbsolute(path)) throw refuse('not an absolute path', 'begin it with /');
    if (TOO_MUCH.has(path))
      throw refuse('this would replace a part of the system', 'name a directory of the process');
    const found = await lstat(path).catch(() => undefined);
    if (!found?.isDirectory() && !found?.isFile())
      throw refuse('no file or directory of this host', 'name what the process uses');
    checked.push(path);
  }
  return checked;
}

/** Whether `path` is one of `synced`, or below one. */
export function isSynced(path: string, synced: string[]): boolean {
  return synced.some((root) => path === root || path.startsWith(root + sep));
}

/**
 * Makes `path` at the destination what it is here: contents, owners, times, links, and what is no longer here is
 * removed there (rsync(1)).
 *
 * @param there Where it is to be, if not at the same path.
 * @returns bytes sent
 * @throws RoamError SYNC_FAILED
 */
export async function syncPath(path: string, host: string, ssh: string[], there = path): Promise<number> {
  const slash = (await lstat(path)).isDirectory() ? '/' : '';
  const shell = [...(ssh.length > 0 ? ssh : ['ssh']), ...SSH_OPTIONS].map(shellQuote).join(' ');
  const flags = [
    '-aHAXS',
    '--numeric-ids',
    '--delete',
    '--mkpath',
    '--no-human-readable',
    '--stats',
    '--protect-args',
  ];
  const { exitCode, stdout, stderr } = await tryRun('rsync', [
    ...flags,
    '-e',
    shell,
    '--',
    path + slash,
    `${host}:${there}${slash}`,
  ]);
  if (exitCode !== 0) {
    const words = stderr.trim().split('\n')[0] || `exit code ${exitCode}`;
    throw new RoamError('SYNC_FAILED', `rsync of ${path} to ${host}: ${words}`, {
      remedy: `see that rsync is on both hosts, and that there is room on ${host}`,
    });
  }
  return Number(/^Total bytes sent: (\d+)/m.exec(stdout)?.[1] ?? 0);
}

/** One after the other. @returns bytes sent */
export async function syncAll(paths: string[], host: string, ssh: string[]): Promise<number> {
  let bytes = 0;
  for (const path of paths) bytes += await syncPath(path, host, ssh);
  return bytes;
}
