// Whether CRIU still holds the process, which is what makes a commit of it one.
import { CriuError } from '../errors.js';
import type { MoveContext } from './move-context.js';
import { fateNow, isTraced } from './proc.js';
import { stoppedBefore } from './source.js';

/** From here on nothing of it runs at the source without the engine, or a recovery, whatever ends. */
export async function holdStill(
  pids: number[],
  { source, phases, custody }: Pick<MoveContext, 'source' | 'phases' | 'custody'>,
): Promise<void> {
  const stopped = stoppedBefore(source);
  phases.onRollback('letting the process run', async () => letRun(pids, stopped));
  await custody.note({ stopSignal: true });
  stopWhenLetGo(pids, stopped);
}

/**
 * Sent while CRIU holds the tasks. One that CRIU kills never sees the signal; one that it lets go of, because it was
 * killed itself or has lost its client, stops at once: its host may not have its address any more.
 *
 * @param stopped those that somebody else has stopped, and nobody but them may let run
 */
export function stopWhenLetGo(pids: number[], stopped: number[]): void {
  signalAll('SIGSTOP', pids, stopped);
}

/** The end of it: a stop signal that was not taken yet is gone. A handler for SIGCONT runs, if a task has one. */
export function letRun(pids: number[], stopped: number[]): void {
  signalAll('SIGCONT', pids, stopped);
}

function signalAll(signal: NodeJS.Signals, pids: number[], stopped: number[]): void {
  for (const pid of pids.filter((id) => !stopped.includes(id))) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      // It has ended.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

/**
 * CRIU may be killed while it waits for an answer: whatever the copy has come to, the process is at the source then.
 * Asked before each step that takes something from the source, and right before the commit: a process that somebody
 * has ended meanwhile must not pass for one that CRIU has killed.
 *
 * @throws {CriuError} CRIU_DIED
 */
export async function demandHeld(pid: number): Promise<void> {
  if (await isTraced(pid)) return;
  const words =
    (await fateNow(pid)) === 'alive'
      ? `let go of process ${pid}`
      : `let go of process ${pid}, which has been ended since`;
  throw new CriuError(
    `CRIU ended in the freeze and ${words}`,
    { type: 'DUMP', stage: 'post-dump' },
    { code: 'CRIU_DIED', remedy: 'look in the kernel log for what killed criu, such as a lack of memory' },
  );
}
