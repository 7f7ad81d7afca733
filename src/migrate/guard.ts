// What still happens when the engine itself is killed.
import { spawn } from 'node:child_process';
import { recoveryCommand } from './agent/lost.js';

/**
 * A process of its own that waits for the word that all is well; if the engine dies without it, or says that
 * something is left, `roam recover` runs. CRIU has let the tasks run on by then: it fails with its client.
 *
 * A shell waits, because most guards end without work and a second Node.js would slow every migration.
 */
export class Guard {
  readonly #child: ReturnType<typeof spawn>;

  constructor(id: string) {
    const script = 'read -r word; [ "$word" = done ] || exec "$@"';
    const argv = ['-c', script, 'roam-guard', ...recoveryCommand(id)];
    this.#child = spawn('sh', argv, { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
    this.#child.on('error', () => {});
    this.#child.stdin?.on('error', () => {});
    this.#child.unref();
    (this.#child.stdin as unknown as { unref?: () => void })?.unref?.();
  }

  /** Nothing is left on either host. */
  dismiss(): void {
    this.#child.stdin?.end('done\n');
  }

  /** The engine is through, and something is left: the guard goes on in its place. */
  takeOver(): void {
    this.#child.stdin?.end('recover\n');
  }
}
