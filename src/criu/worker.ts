import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { CriuError } from '../errors.js';
import { closeFd, SeqPacket } from '../sys/index.js';
import { lastLines } from './log.js';
import type { CriuServer } from './service.js';

/** How to run the CRIU process. */
export interface SwrkOptions {
  /** CRIU's program; looked up in PATH and the sbin directories when it has no slash. Default `criu`. */
  path?: string;
  /** Command that runs it, such as `['ip', 'netns', 'exec', 'blue']`; it must pass descriptors on. */
  via?: readonly string[];
  /** Added to this process's environment. */
  env?: Readonly<Record<string, string>>;
  cwd?: string;
  /** Descriptors of this process that CRIU is to have too; see `Criu.childFd`. */
  inheritFds?: readonly number[];
  /** A socket for the pages of a dump: see `Criu.pages`. */
  pages?: boolean;
}

/** How a CRIU process ended. */
export interface WorkerExit {
  exitCode: number | null;
  signal: NodeJS.Signals | null;
}

const SOCKET_FD = 3;
const STDERR_KEPT = 64 * 1024;

/**
 * A `criu swrk` process and the socket to it.
 *
 * It is in a session of its own, so that Ctrl-C on the terminal does not kill it while it holds a
 * process frozen. It ends when its socket is closed, hence also with this process, however that ends:
 * CRIU reads the end of the stream at its next notification, and rolls back.
 */
export class CriuWorker implements CriuServer {
  readonly socket: SeqPacket;
  readonly exited: Promise<WorkerExit>;
  readonly #child: ChildProcess;
  readonly #inherited: readonly number[];
  #stderr = '';

  private constructor(child: ChildProcess, socket: SeqPacket, inherited: readonly number[]) {
    this.#child = child;
    this.socket = socket;
    this.#inherited = inherited;
    this.exited = new Promise((resolve) => {
      child.once('exit', (exitCode, signal) => resolve({ exitCode, signal }));
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_KEPT);
    });
    // A failure to signal the process is told by its not ending.
    child.on('error', () => {});
    // A daemon that CRIU leaves behind may keep the pipe open; it must not keep this process alive.
    child.once('exit', () => (child.stderr as { unref?(): void } | null)?.unref?.());
  }

  /** @throws {CriuError} `CRIU_NOT_RUNNABLE` */
  static async start(options: SwrkOptions = {}): Promise<CriuWorker> {
    const { path = 'criu', via = [], env, cwd, inheritFds = [], pages = false } = options;
    const { socket, peerFd } = SeqPacket.pair();
    const [file = path, ...args] = [...via, path, 'swrk', String(SOCKET_FD)];
    let child: ChildProcess;
    try {
      child = spawn(file, args, {
        cwd,
        env: { ...process.env, PATH: withSbin(process.env.PATH), ...env },
        // Node.js makes its pipes with socketpair(2): this one is a stream in both directions.
        stdio: ['ignore', 'ignore', 'pipe', peerFd, ...inheritFds, ...(pages ? (['pipe'] as const) : [])],
        detached: true,
      });
    } catch (cause) {
      socket.close();
      throw notRunnable(file, cause);
    } finally {
      closeFd(peerFd);
    }
    const worker = new CriuWorker(child, socket, inheritFds);
    try {
      await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject));
    } catch (cause) {
      socket.close();
      throw notRunnable(file, cause);
    }
    return worker;
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  get stderr(): string {
    return lastLines(this.#stderr, 40);
  }

  /** This process's end of the socket for pages, and the number of the other end in the CRIU process. */
  get pages(): { socket: Duplex; fd: number } {
    const fd = SOCKET_FD + 1 + this.#inherited.length;
    const socket = this.#child.stdio[fd as 3];
    if (!socket) throw new RangeError('this CRIU was started without a socket for pages');
    return { socket: socket as unknown as Duplex, fd };
  }

  /** Number that the inherited descriptor `fd` has in the CRIU process. */
  childFd(fd: number): number {
    const index = this.#inherited.indexOf(fd);
    if (index < 0) throw new RangeError(`descriptor ${fd} was not among inheritFds`);
    return SOCKET_FD + 1 + index;
  }

  /** Hangs up and waits for the process to end, which a frozen tree may delay; kills it after `grace` ms. */
  async stop(grace: number): Promise<WorkerExit> {
    this.socket.close();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), grace);
    try {
      const exit = await this.exited;
      await this.#stderrRead();
      return exit;
    } finally {
      clearTimeout(timer);
    }
  }

  /** The pipe is read to its end, unless a daemon that CRIU left behind holds it. */
  async #stderrRead(): Promise<void> {
    const { stderr } = this.#child;
    if (stderr === null || stderr.readableEnded) return;
    await once(stderr, 'end', { signal: AbortSignal.timeout(200) }).catch(() => undefined);
  }
}

function withSbin(path = '/usr/bin:/bin'): string {
  return `${path}:/usr/local/sbin:/usr/sbin:/sbin`;
}

function notRunnable(file: string, cause: unknown): CriuError {
  return new CriuError(
    `CRIU cannot be run: ${(cause as Error).message}`,
    { type: 'EMPTY' },
    {
      code: 'CRIU_NOT_RUNNABLE',
      cause,
      remedy: `install CRIU 3.17 or newer (Debian: criu), or say where it is instead of ${file}`,
    },
  );
}
