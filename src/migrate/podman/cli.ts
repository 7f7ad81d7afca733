// Podman, by its command: it has no daemon that would have to run.
import { RoamError } from '../../errors.js';
import { type RunResult, tryRun } from '../run.js';

/** `podman` ended with another exit code than 0. */
export class PodmanError extends RoamError {
  constructor(message: string, remedy?: string) {
    super('PODMAN_FAILED', message, remedy ? { remedy } : {});
  }
}

/** The last of its lines that is an error, without its frame. */
export const errorIn = ({ stderr, exitCode }: RunResult): string => {
  const lines = stderr.trim().split('\n').filter(Boolean);
  const line = lines.findLast((each) => /^Error: /.test(each)) ?? lines.at(-1);
  return line?.replace(/^Error: /, '') ?? `exit code ${exitCode}`;
};

/**
 * One command.
 *
 * @returns what it prints
 * @throws PodmanError; RoamError COMMAND_FAILED when there is no podman
 */
export async function podman(args: string[]): Promise<string> {
  const result = await tryRun('podman', args);
  if (result.exitCode === 0) return result.stdout;
  throw new PodmanError(`podman ${args.slice(0, 2).join(' ')}: ${errorIn(result)}`);
}

/** `podman KIND inspect NAME...`: the first that there is; undefined: there is none, or no podman. */
export async function inspectPodman<T>(
  kind: 'container' | 'image',
  ...names: string[]
): Promise<T | undefined> {
  const found = await tryRun('podman', [kind, 'inspect', ...names]).catch(() => undefined);
  // What it has found it prints, though others are missing.
  return (JSON.parse(found?.stdout.trim() || '[]') as T[])[0];
}

/** `podman info`, as far as a migration asks. */
export interface PodmanInfo {
  host: { cgroupManager: string; ociRuntime: { name: string } };
  store: { graphDriverName: string; graphRoot: string; runRoot: string };
  version: { Version: string };
}

export const podmanInfo = async (): Promise<PodmanInfo> =>
  JSON.parse(await podman(['info', '--format', 'json'])) as PodmanInfo;
