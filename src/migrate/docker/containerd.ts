// containerd's runc, led to us for as long as one container is restored.
import { rm, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { SCRIPT_DIRECTORY } from '../managed/criu.js';

/** What containerd puts before the PATH of what it starts; no one else looks there. */
const CONTAINERD_BIN = '/opt/containerd/bin';

const IN_THE_WAY = join(CONTAINERD_BIN, 'criu');

/** Why the script cannot stand before CRIU here; undefined: it can. */
export async function shimProblem(): Promise<string | undefined> {
  const bin = await stat(CONTAINERD_BIN).catch(() => undefined);
  if (!bin?.isDirectory()) return `containerd has no ${CONTAINERD_BIN}`;
  const perl = await stat('/usr/bin/perl').catch(() => undefined);
  return perl ? undefined : '/usr/bin/perl is missing';
}

/** Puts the script before CRIU until this is disposed of. */
export async function standBeforeCriu(): Promise<AsyncDisposable> {
  await rm(IN_THE_WAY, { force: true });
  await symlink(join(SCRIPT_DIRECTORY, 'criu'), IN_THE_WAY);
  return { [Symbol.asyncDispose]: () => rm(IN_THE_WAY, { force: true }) };
}
