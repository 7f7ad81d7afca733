// CRIU's logs outlive the directory of the images when something went wrong.
import { copyFile, mkdir } from 'node:fs/promises';
import { CriuError, RoamError } from '../errors.js';

export const LOG_DIRECTORY = '/var/log/roam';

/**
 * The error of a CRIU request as a person reads it, its log kept in /var/log/roam; any other error unchanged.
 *
 * The message is the first error of the log: the later ones are its consequences.
 */
export async function keepCriuLog(error: unknown, log: string, id: string): Promise<unknown> {
  if (!(error instanceof CriuError) || error.code === 'CRIU_CANCELLED') return error;
  const kept = `${LOG_DIRECTORY}/${id}-${log.slice(log.lastIndexOf('/') + 1)}`;
  const saved = await mkdir(LOG_DIRECTORY, { recursive: true, mode: 0o750 })
    .then(() => copyFile(log, kept))
    .then(
      () => true,
      () => false,
    );
  const message = error.message.replace(/ \(log: [^)]*\)$/, '');
  return new RoamError(error.code, saved ? `${message} (log: ${kept})` : message, {
    cause: error,
    ...(error.remedy ? { remedy: error.remedy } : {}),
  });
}
