// Images and files cross the network as one tar stream.
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { RoamError } from '../errors.js';
import type { DataResult } from './agent/data.js';
import { waysTo } from './agent/transport.js';
import type { DataLink } from './data-link.js';
import { start } from './run.js';

/**
 * Sends `dir`/images, and files of this host, which arrive under `files`.
 *
 * @returns bytes of the stream
 * @throws RoamError TRANSFER_FAILED, DATA_LINK_FAILED
 */
export async function sendImages(
  link: DataLink,
  host: string,
  dir: string,
  files: string[],
): Promise<number> {
  const connection = await link.connect({ kind: 'tar' });
  const answer = text(connection).catch(() => '');
  // The leading "./" tells files from images in the renaming.
  const paths = files.map((path) => `.${path}`);
  const rename = ['--transform', 's,^\\./,files/,S', '--no-recursion'];
  const carried = paths.length > 0 ? [...rename, '-C', '/', ...paths] : [];
  const tar = start('tar', ['-c', '-f', '-', '-C', dir, 'images', ...carried]);
  tar.child.stdin.end();
  const words = text(tar.child.stderr);
  let bytes = 0;
  const counter = new PassThrough();
  counter.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  const piped = pipeline(tar.child.stdout, counter, connection).then(
    () => undefined,
    (error: Error) => {
      // The other side's own words come first, and end the connection too.
      tar.child.kill('SIGTERM');
      return error;
    },
  );
  const [local, broken, said] = await Promise.all([tar.exited, piped, answer]);
  const { error } = parseResult(said);
  if (error !== undefined) {
    throw new RoamError('TRANSFER_FAILED', `at ${host}: ${error}`, {
      remedy: `see that ${host} has room and that ${waysTo(host)} is stable`,
    });
  }
  if (broken) throw new RoamError('TRANSFER_FAILED', `to ${host}: ${broken.message}`);
  if (local.exitCode !== 0)
    throw new RoamError('TRANSFER_FAILED', `tar: ${(await words).trim().split('\n')[0]}`);
  return bytes;
}

function parseResult(said: string): DataResult {
  try {
    return JSON.parse(said) as DataResult;
  } catch {
    return { error: 'the connection was lost' };
  }
}
