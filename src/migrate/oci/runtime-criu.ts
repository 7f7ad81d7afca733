// runc or crun, with us between it and CRIU. Both are the stock ones: the runtime finds a small script named criu first
// on its PATH, which lets us take the socket and becomes the real CRIU, its child as ever, that talks to us instead.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { Criu, type CriuOptions, type RequestOptions } from '../../criu/index.js';
import { CriuClient } from '../../criu/relay.js';
import { RoamError } from '../../errors.js';
import { packageRoot } from '../../package-root.js';
import { closeFd, SeqPacket } from '../../sys/index.js';
import type { Runtime } from './runtime.js';

/** The directory that holds nothing but our `criu`. */
const SHIM_DIRECTORY = join(packageRoot, 'scripts', 'oci');

/** Descriptors that the runtime inherits and hands on; 5 is the socket that CRIU gets. runc itself uses 3. */
const PAGES_FD = 4;
const ASK_FD = 6;

/** Among the words of an order. */
const COMMANDS = new Set(['checkpoint', 'restore']);

/** The runtime has nothing left to do but to write its records. */
const END_TIMEOUT_MS = 30_000;

export interface RuntimeOrder {
  runtime: Runtime;
  /** `checkpoint --image-path …`. */
  args: string[];
  /** File for what the runtime has to say. */
  log: string;
  /** The real CRIU. */
  criu: string;
  env?: Record<string, string>;
  /** A socket for the pages of a dump. */
  pages?: boolean;
}

/** One command of a runtime that asks CRIU for one dump or restore. */
export class RuntimeCriu implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #rpc: SeqPacket;
  readonly #client: Promise<CriuClient>;
  readonly #exited: Promise<number>;

  private constructor(
    private readonly order: RuntimeOrder,
    child: ChildProcess,
    rpc: SeqPacket,
  ) {
    this.#child = child;
    this.#rpc = rpc;
    this.#exited = once(child, 'exit').then(
      ([code]) => (code as number | null) ?? -1,
      () => -1,
    );
    this.#client = this.#meet();
    this.#client.catch(() => {});
  }

  /** Starts the runtime, which comes as far as its request to CRIU. */
  static start(order: RuntimeOrder): RuntimeCriu {
    const { runtime, args, log, env, pages = false } = order;
    const { socket, peerFd } = SeqPacket.pair();
    try {
      const child = spawn(runtime, ['--log', log, '--log-format', 'json', ...args], {
        // Apart from the terminal's signals: Ctrl-C must reach the engine, which rolls back in order.
        detached: true,
        // Node.js makes its pipes with socketpair(2): a stream in both directions.
        stdio: ['ignore', 'ignore', 'ignore', 'ignore', pages ? 'pipe' : 'ignore', peerFd, 'pipe'],
        env: {
          ...process.env,
          ...env,
          PATH: `${SHIM_DIRECTORY}:${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`,
        },
      });
      return new RuntimeCriu(order, child, socket);
    } catch (error) {
      socket.close();
      throw error;
    } finally {
      closeFd(peerFd);
    }
  }

  /** This process's end of the socket for pages, and the number of the other end in the CRIU process. */
  get pages(): { socket: Duplex; fd: number } {
    return { socket: this.#child.stdio[PAGES_FD] as unknown as Duplex, fd: PAGES_FD };
  }

  /**
   * Lets CRIU do what the runtime asks for, with `ours` over its options, and waits for the end of the runtime.
   *
   * @throws RoamError RUNTIME_FAILED when the runtime does not come as far as CRIU
   * @throws CriuError when CRIU fails, with CRIU_CANCELLED and the reason as cause when `onNotify` threw
   */
  async perform(
    ours: CriuOptions,
    options: RequestOptions = {},
  ): Promise<{ pid: number; complaint?: string }> {
    using client = await this.#client;
    this.#ask.write(`${this.order.criu}\n`);
    const { restore } = await client.perform(this.#rpc, ours, options);
    const exitCode = await Promise.race([this.#exited, sleep(END_TIMEOUT_MS, undefined, { ref: false })]);
    const complaint = exitCode === 0 ? undefined : await this.#lastWords();
    return { pid: restore?.pid ?? 0, ...(complaint === undefined ? {} : { complaint }) };
  }

  /** For who dumps as with {@link Criu.dump}: the runtime ends as CRIU does, and what it complains about has no weight then. */
  async dump(ours: CriuOptions, options: RequestOptions = {}): Promise<void> {
    await this.perform(ours, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Without an answer the script, CRIU and the runtime end by themselves, in this order.
    this.#ask.destroy();
    this.#rpc.close();
    await this.#client.then(
      (client) => client.close(),
      () => {},
    );
    await Promise.race([this.#exited, sleep(END_TIMEOUT_MS, undefined, { ref: false })]);
  }

  get #ask(): Duplex {
    return this.#child.stdio[ASK_FD as 3] as unknown as Duplex;
  }

  /** A runtime starts one CRIU to ask for its version, and one for the work. */
  async #meet(): Promise<CriuClient> {
    this.#ask.on('error', () => {});
    const own = { version: async () => (await Criu.swrk({ path: this.order.criu })).version() };
    for await (const line of createInterface({ input: this.#ask })) {
      const [pid = 0, fd = 0] = line.split(' ').map(Number);
      const client = await CriuClient.take(pid, fd, own);
      if (client) return client;
      this.#ask.write('\n');
    }
    await this.#exited;
    throw new RoamError(
      'RUNTIME_FAILED',
      `${this.order.runtime} ${this.order.args.find((word) => COMMANDS.has(word))}: ${await this.#lastWords()}`,
    );
  }

  async #lastWords(): Promise<string> {
    const log = await readFile(this.order.log, 'utf8').catch(() => '');
    const errors = log.split('\n').filter((line) => line.includes('"level":"error"'));
    try {
      return (JSON.parse(errors.at(-1) ?? '') as { msg: string }).msg;
    } catch {
      return `ended with exit code ${this.#child.exitCode ?? 'unknown'}`;
    }
  }
}
