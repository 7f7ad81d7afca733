// Short-lived helper programs, apart from the terminal's signals.
import { access, constants } from 'node:fs/promises';
import { execa } from 'execa';
import { RoamError } from '../errors.js';

/**
 * Runs a program and gives its stdout.
 *
 * It gets a process group of its own: Ctrl-C must reach the engine, which rolls back in order, and not the
 * half-done step.
 *
 * @throws RoamError COMMAND_FAILED, with the program's own words
 */
export async function run(
  file: string,
  args: string[],
  { input, remedy }: { input?: string; remedy?: string } = {},
): Promise<string> {
  const result = await execa(file, args, {
    reject: false,
    detached: true,
    cleanup: true,
    ...(input === undefined ? { stdin: 'ignore' } : { input }),
  });
  if (result.failed) {
    const words = String(result.stderr || result.shortMessage).trim().split('\n')[0];
    throw new RoamError('COMMAND_FAILED', `${file} ${args.join(' ')}: ${words}`, {
      cause: result,
      ...(remedy ? { remedy } : {}),
    });
  }
  return result.stdout;
}

const ADMINISTRATOR_PATH = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** Whether a program is found on PATH or in the system's administrator directories. */
export async function hasProgram(name: string): Promise<boolean> {
  const directories = [...(process.env.PATH ?? '').split(':'), ...ADMINISTRATOR_PATH];
  const found = await Promise.all(
    directories.map((dir) => access(`${dir}/${name}`, constants.X_OK).then(() => true, () => false)),
  );
  return found.includes(true);
}
