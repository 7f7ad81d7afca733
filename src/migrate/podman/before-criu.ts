// A command of Podman whose runtime finds our script first, as criu.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SCRIPT_DIRECTORY } from '../managed/criu.js';
import { tryRun } from '../run.js';
import { errorIn, PodmanError } from './cli.js';

const SYSTEM = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Podman hands its own PATH to the runtime of a checkpoint, and one from its configuration to that of a restore.
 *
 * @param dir for a piece of configuration, read over the host's own for this command alone
 * @throws PodmanError
 */
export async function podmanBeforeCriu(args: string[], dir: string): Promise<void> {
  const path = `${SCRIPT_DIRECTORY}:${SYSTEM}`;
  const configuration = join(dir, 'containers.conf');
  await writeFile(configuration, `[engine]\nconmon_env_vars = ["PATH=${path}"]\n`, { mode: 0o600 });
  const ours = [`PATH=${path}`, `CONTAINERS_CONF_OVERRIDE=${configuration}`];
  const result = await tryRun('env', [...ours, 'podman', ...args]);
  if (result.exitCode !== 0)
    throw new PodmanError(`podman ${args.slice(0, 2).join(' ')}: ${errorIn(result)}`);
}
