// Short-lived helper programs, apart from the terminal's signals.
//
// Not execa: `roam` starts on two hosts for every migration, and loading it would double that time.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { RoamError } from '../errors.js';

/**
 * Starts a program with pipes, in a process group of its own: Ctrl-C must reach the engine, which rolls back in
 * order, and not the half-done step. `exited` never rejects; 127 stands for a program that cannot be run.
 * With `sockets` it has so many stream sockets as descriptors from 3 on, whose other ends are `child.stdio[3]`...
 */
export function start(file: string, args: string[], { sockets = 0 } = {}) {
  const child = spawn(file, args, {
    detached: true,
    // Node.js makes its pipes with socketpair(2): the extra ones are streams in both directions.
    stdio: ['pipe', 'pipe', 'pipe', ...Array<'pipe'>(sockets).fill('pipe')],
    env: { ...process.env, PATH: searchPath() },
  }) as ChildProcessWithoutNullStreams;
  // Whoever reads the other end may end first; its exit code tells why.
  child.stdin.on('error', () => {});
  let failure: Error | undefined;
  const exited = new Promise<{ exitCode: number; signal?: NodeJS.Signals; failure?: Error }>((resolve) => {
    child.once('error', (error) => {
      failure = error;
      if (child.pid === undefined) resolve({ exitCode: 127, failure });
    });
    child.once('close', (code, signal) => resolve({ exitCode: code ?? -1, ...(signal ? { signal } : {}) }));
  });
  return { child, exited };
}

export interface RunResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/**
 * Runs a program to its end, whatever its exit code.
 *
 * @throws RoamError COMMAND_FAILED when it cannot be started
 */
export async function tryRun(file: string, args: string[], input = ''): Promise<RunResult> {
  const { child, exited } = start(file, args);
  child.stdin.end(input);
  const [stdout, stderr, { exitCode, failure }] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    exited,
  ]);
  if (failure)
    throw new RoamError('COMMAND_FAILED', `${file} cannot be run: ${failure.message}`, { cause: failure });
  return { exitCode, stdout, stderr };
}

/**
 * Runs a program and gives its stdout.
 *
 * @throws RoamError COMMAND_FAILED, with the program's own words
 */
export async function run(
  file: string,
  args: string[],
  { input, remedy }: { input?: string; remedy?: string } = {},
): Promise<string> {
  const { exitCode, stdout, stderr } = await tryRun(file, args, input);
  if (exitCode === 0) return stdout;
  const words = stderr.trim().split('\n')[0] || `exit code ${exitCode}`;
  throw new RoamError('COMMAND_FAILED', `${file} ${args.join(' ')}: ${words}`, remedy ? { remedy } : {});
}

/** Non-interactive logins often lack the administrator's directories. */
const searchPath = (): string => [process.env.PATH ?? '/usr/bin:/bin', ...ADMINISTRATOR_PATH].join(':');

const ADMINISTRATOR_PATH = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** Whether a program is found on PATH or in the system's administrator directories. */
export async function hasProgram(name: string): Promise<boolean> {
  const directories = searchPath().split(':');
  const found = await Promise.all(
    directories.map((dir) =>
      access(`${dir}/${name}`, constants.X_OK).then(
        () => true,
        () => false,
      ),
    ),
  );
  return found.includes(true);
}

/** A size for people, rounded up. */
export const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 1048576)} MiB`;
