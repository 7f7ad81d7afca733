// Memory that comes after the process runs: CRIU's lazy pages daemon, and what happens when it fails.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readlink } from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { CriuLog, firstCriuError } from '../../criu/log.js';
import { relayLazyPages } from '../../criu/pages/index.js';
import { closeFd, PidFd } from '../../sys/index.js';
import { start } from '../run.js';
import { livingTasks } from '../task-id.js';
import { PagesGuard } from './pages-guard.js';

const LOG = 'lazy-pages.log';
const PAGES_FD = 3;
const STATUS_FD = 4;
/** A daemon whose connection has ended ends too, if it is not waiting for a restore. */
const GRACE_MS = 5000;

/**
 * The daemon of one restore.
 *
 * When the last descriptor of a userfaultfd is closed, the kernel gives zeros for every page that has not come. So a
 * guard holds them too, and lets go of them only when the daemon has brought all pages or the processes are dead.
 * It does so as well when this process is killed.
 */
export class LazyDaemon {
  /** What went wrong, once the daemon and, if it had work, the guard have ended; undefined: every page has come. */
  readonly ended: Promise<string | undefined>;
  #guard?: PagesGuard;
  #over = false;

  private constructor(
    private readonly child: ChildProcess,
    exited: Promise<string | undefined>,
    /** The processes run: memory comes without being asked for from now on. */
    readonly hurry: () => void,
  ) {
    this.ended = exited.then(async (problem) => {
      this.#over = true;
      await this.#guard?.release(problem === undefined);
      return problem;
    });
  }

  /**
   * Resolves when a restore can begin. The daemon asks `pages` for memory by CRIU's page server protocol.
   *
   * @throws Error with CRIU's first error
   */
  static async start(criu: string, images: string, pages: Duplex): Promise<LazyDaemon> {
    const log = await CriuLog.expect(images, LOG);
    const args = ['lazy-pages', '--images-dir', images, '--log-file', LOG, '-v2'];
    const remote = ['--page-server', '--ps-socket', String(PAGES_FD), '--status-fd', String(STATUS_FD)];
    const { child, exited } = start(criu, [...args, ...remote], { sockets: 2 });
    const socket = child.stdio[PAGES_FD] as unknown as Duplex;
    socket.on('error', () => {});
    child.stdin.end();
    child.stdout.resume();
    const said = text(child.stderr);
    const reason = exited.then(async ({ exitCode, failure }) => {
      if (exitCode === 0) return undefined;
      const logged = await log.read().catch(() => '');
      const words = firstCriuError(logged) ?? failure?.message ?? (await said).split('\n')[0];
      return words || `the lazy pages daemon ended with exit code ${exitCode}`;
    });
    const status = child.stdio[STATUS_FD] as unknown as Duplex;
    status.on('error', () => {});
    const ready = await Promise.race([once(status, 'data').then(() => true), exited.then(() => false)]);
    if (!ready) throw new Error((await reason) ?? 'the lazy pages daemon ended at once');
    status.destroy();
    let hurry = () => {};
    const begin = new Promise<void>((resolve) => {
      hurry = resolve;
    });
    void relayLazyPages(socket, pages, { begin })
      .catch(() => socket.destroy())
      .finally(() => pages.end());
    const daemon = new LazyDaemon(child, reason, hurry);
    pages.once('close', () => {
      socket.destroy();
      // One that still waits for a restore does not see it.
      void sleep(GRACE_MS, undefined, { ref: false }).then(() => daemon.kill());
    });
    return daemon;
  }

  /**
   * The restored processes, which are stopped still, live from here on only as long as their memory comes.
   *
   * @throws Error when it does not come any more
   */
  async guard(pids: number[]): Promise<void> {
    const held = this.#over ? [] : await userFaults(this.child.pid as number);
    try {
      this.#guard = await PagesGuard.start(await livingTasks(pids), held);
    } finally {
      for (const fd of held) closeFd(fd);
    }
    // It ended while the guard was being made: then it did not see it.
    if (!this.#over) return;
    const problem = await this.ended;
    await this.#guard.release(problem === undefined);
    if (problem !== undefined) throw new Error(problem);
  }

  /** Without it nobody is left who needs memory, or the guard ends who does. */
  kill(): void {
    if (!this.#over) this.child.kill('SIGKILL');
  }
}

/** Duplicates of the userfaultfds of a process. */
async function userFaults(pid: number): Promise<number[]> {
  const names = await readdir(`/proc/${pid}/fd`).catch(() => []);
  const found: number[] = [];
  for (const name of names) {
    const link = await readlink(`/proc/${pid}/fd/${name}`).catch(() => '');
    if (link !== 'anon_inode:[userfaultfd]') continue;
    try {
      using process = PidFd.open(pid);
      found.push(process.getFd(Number(name)));
    } catch {
      // It was closed meanwhile: that process has all its pages.
    }
  }
  return found;
}
