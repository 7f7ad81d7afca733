// Files that a command was asked to write beside its output.
import { open, writeFile } from 'node:fs/promises';
import { RoamError } from '../errors.js';
import type { Outcome, PeerView } from '../report/types.js';

/**
 * Makes sure that a file can be written, before the work whose result it will hold.
 *
 * @throws RoamError FILE_NOT_WRITABLE
 */
export async function claimFile(path: string, mode = 0o644): Promise<void> {
  const file = await open(path, 'a', mode).catch((cause: Error) => {
    throw new RoamError('FILE_NOT_WRITABLE', `${path} cannot be written: ${cause.message}`, {
      cause,
      remedy: 'name another file; nothing was begun',
    });
  });
  await file.close();
}

/** Writes the page about a migration. */
export async function writeReport(path: string, outcome: Outcome, peer?: PeerView): Promise<void> {
  const { reportPage } = await import('../report/index.js');
  await writeFile(path, reportPage(outcome, peer));
}
