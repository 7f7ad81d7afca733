// Programs that work in a network namespace, named by a path such as /run/netns/blue.
import { type RunResult, run, tryRun } from '../run.js';

/** Argument vector that runs `words` in the namespace; without one, in that of this process. */
function inside(netns: string | undefined, words: string[]): [string, string[]] {
  const [file = '', ...args] = netns === undefined ? words : ['nsenter', `--net=${netns}`, ...words];
  return [file, args];
}

/** {@link run} in a network namespace. @throws RoamError COMMAND_FAILED */
export function runIn(
  netns: string | undefined,
  words: string[],
  options: { input?: string; remedy?: string } = {},
): Promise<string> {
  return run(...inside(netns, words), options);
}

/** {@link tryRun} in a network namespace. */
export function tryRunIn(netns: string | undefined, words: string[]): Promise<RunResult> {
  return tryRun(...inside(netns, words));
}
