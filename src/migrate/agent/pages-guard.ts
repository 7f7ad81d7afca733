// What sees to it that no process runs on with memory that never came.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { TaskId } from '../task-id.js';

/**
 * Kills processes, and what they have forked, unless it reads "done" first; arguments are pids with start times.
 * A shell, as the engine's guard: it must outlive this process, and nothing of it may fail to load.
 */
const SCRIPT = `read -r word
[ "$word" = done ] && exit
end() {
  kill -STOP "$1"
  for child in $(cat /proc/"$1"/task/*/children); do end "$child"; done
  kill -KILL "$1"
}
for task; do
  pid=\${task%:*}
  [ "$(sed 's/.*) //' /proc/"$pid"/stat | cut -d ' ' -f 20)" = "\${task#*:}" ] && end "$pid"
done`;

/** A process of its own. When this one is killed, it kills the processes. */
export class PagesGuard {
  private constructor(private readonly child: ChildProcess) {}

  /** @param held descriptors that it holds for as long as it runs */
  static async start(tasks: TaskId[], held: number[]): Promise<PagesGuard> {
    const names = tasks.map(({ pid, startTime }) => `${pid}:${startTime}`);
    const child = spawn('sh', ['-c', SCRIPT, 'roam-pages-guard', ...names], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore', ...held],
    });
    child.stdin?.on('error', () => {});
    await once(child, 'spawn');
    return new PagesGuard(child);
  }

  /** `all`: the memory has come. Otherwise resolves when every process has got its SIGKILL. */
  async release(all: boolean): Promise<void> {
    const { child } = this;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.stdin?.end(all ? 'done\n' : '');
    await exited;
  }
}
