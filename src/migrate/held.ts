// Whether CRIU still holds the process, which is what makes a commit of it one.
import { CriuError } from '../errors.js';
import { fateNow, isTraced } from './proc.js';

/**
 * CRIU may be killed while it waits for an answer: the tasks run on then, and so do their QPs, whatever the copy has
 * come to. Asked before each step that takes something from the source, and right before the commit: a process that
 * ended by itself meanwhile must not pass for one that CRIU has killed.
 *
 * @throws {CriuError} CRIU_DIED
 */
export async function demandHeld(pid: number): Promise<void> {
  if (await isTraced(pid)) return;
  const words =
    (await fateNow(pid)) === 'alive'
      ? `let process ${pid} run on`
      : `let process ${pid} run on, which has ended by itself since`;
  throw new CriuError(
    `CRIU ended in the freeze and ${words}`,
    { type: 'DUMP', stage: 'post-dump' },
    { code: 'CRIU_DIED', remedy: 'look in the kernel log for what killed criu, such as a lack of memory' },
  );
}
