import { stat } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { LabError } from '../errors.js';
import { RemoteCommand } from './exec.js';

/**
 * Unpacks one archived entry from standard input at a destination with cp's meaning: into it when
 * it is a directory, else as it. $1 destination, $2 name of the entry.
 */
const UNPACK = `set -e
if [ -d "$1" ]; then
	exec tar -xpf - -C "$1"
fi
mkdir -p "$(dirname "$1")"
scratch=$(mktemp -d "$(dirname "$1")/.copy.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
tar -xpf - -C "$scratch"
mv -T "$scratch/$2" "$1"
`;

/** Copies a local file or directory into a node. */
export async function copyIn(lab: string, node: string, src: string, dst: string): Promise<void> {
  await stat(src).catch((cause) => {
    throw new LabError(`${src} can't be read`, { code: 'LAB_COPY', cause });
  });
  let said = '';
  const command = await RemoteCommand.start(
    lab,
    node,
    { argv: ['sh', '-c', UNPACK, 'sh', dst, path.basename(src)] },
    { stdout: () => {}, stderr: (chunk) => (said += chunk) },
  );
  // Only now: execa discards output that nobody reads yet.
  const pack = execa('tar', ['-cf', '-', '-C', path.dirname(src), '--', path.basename(src)], {
    stdout: 'pipe',
    stderr: 'pipe',
    buffer: { stdout: false },
    encoding: 'buffer',
  });
  pack.catch(() => {});
  for await (const chunk of pack.stdout as AsyncIterable<Buffer>) await command.write(chunk);
  command.closeInput();
  await pack;
  const end = await command.end;
  if (!('exitCode' in end) || end.exitCode !== 0)
    throw new LabError(`copying ${src} to ${node}:${dst} failed: ${said.trim()}`, { code: 'LAB_COPY' });
}

/** Copies a file or directory of a node to a local path. */
export async function copyOut(lab: string, node: string, src: string, dst: string): Promise<void> {
  const unpack = execa('sh', ['-c', UNPACK, 'sh', dst, path.posix.basename(src)], { stdin: 'pipe' });
  unpack.catch(() => {});
  let said = '';
  const command = await RemoteCommand.start(
    lab,
    node,
    { argv: ['tar', '-cf', '-', '-C', path.posix.dirname(src), '--', path.posix.basename(src)] },
    {
      stdout: (chunk) => {
        if (unpack.stdin.write(chunk)) return;
        command.flow.pause();
        unpack.stdin.once('drain', () => command.flow.resume());
      },
      stderr: (chunk) => (said += chunk),
    },
  );
  unpack.stdin.on('error', () => command.abort());
  command.closeInput();
  const end = await command.end;
  unpack.stdin.end();
  const failure = 'exitCode' in end && end.exitCode === 0 ? undefined : said.trim() || 'tar was ended';
  const local = await unpack.catch((error) => error as Error);
  if (failure !== undefined || local instanceof Error)
    throw new LabError(`copying ${node}:${src} to ${dst} failed: ${failure ?? (local as Error).message}`, {
      code: 'LAB_COPY',
    });
}
