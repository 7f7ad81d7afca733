// The programs that run containers described by an OCI bundle: runc, and crun, whose commands are the same.
import { tryRun } from '../run.js';
import { removeCriuRoots } from './criu-root.js';

export const RUNTIMES = ['runc', 'crun'] as const;
export type Runtime = (typeof RUNTIMES)[number];

/** A container as its runtime knows it. */
export interface Named {
  runtime: Runtime;
  name: string;
}

/** @returns its version on this host, such as `1.1.15+ds1`; null: there is none */
export async function runtimeVersion(runtime: Runtime): Promise<string | null> {
  const found = await tryRun(runtime, ['--version']).catch(() => undefined);
  return new RegExp(`^${runtime} version (\\S+)`).exec(found?.stdout ?? '')?.[1] ?? null;
}

/** Whether there is a record of it here, of a container that runs or of one that has ended. */
export async function isKnown({ runtime, name }: Named): Promise<boolean> {
  return (await tryRun(runtime, ['state', name])).exitCode === 0;
}

/**
 * Kills what is left of a container and removes the record of it. None is as good.
 *
 * @param bundle Absolute; with it, also what a restore has left there that was broken off.
 */
export async function deleteContainer({ runtime, name }: Named, bundle?: string): Promise<void> {
  if (bundle !== undefined) await removeCriuRoots((its) => its === bundle);
  const { exitCode, stderr } = await tryRun(runtime, ['delete', '--force', name]);
  if (exitCode === 0) return;
  // crun takes it for an error that there is nothing to delete.
  if (!(await isKnown({ runtime, name }))) return;
  throw new Error(`${runtime} delete: ${stderr.trim()}`);
}

export interface Listed {
  id: string;
  pid: number;
  bundle: string;
}

/** Those of a runtime on this host; none where it is not installed. */
export async function listContainers(runtime: Runtime): Promise<Listed[]> {
  const found = await tryRun(runtime, ['list', '--format', 'json']).catch(() => undefined);
  if (found?.exitCode !== 0) return [];
  return (JSON.parse(found.stdout || 'null') as Listed[] | null) ?? [];
}
