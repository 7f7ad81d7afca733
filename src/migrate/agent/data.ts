// The destination's end of the data: pages and files, each on a connection of its own.
import { mkdir, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { CriuLog, firstCriuError } from '../../criu/log.js';
import { type ByteChannel, channelOver } from '../../criu/pages/index.js';
import { RoamError } from '../../errors.js';
import { ByteSocket } from '../../sys/index.js';
import { readFirstLine } from '../first-line.js';
import { start } from '../run.js';
import { FrameChannel } from '../wire/frame-channel.js';
import { FramedStream } from '../wire/framed.js';
import { LazyDaemon } from './lazy.js';

/**
 * What a connection is for; its first line, as JSON. The answer is a line that says `ready`; frames follow, both ways.
 */
export type DataOrder =
  /** A page server that writes to `images`, on top of `parent`. */
  | { kind: 'pages'; images: string; parent?: string }
  /** A daemon that asks for the pages that were kept back, for a restore from `images`. */
  | { kind: 'lazy'; images: string }
  /** A tar stream that is unpacked in the directory of the migration; the answer is a {@link DataResult}. */
  | { kind: 'tar' };

/** The last line of a connection for tar. */
export interface DataResult {
  error?: string;
}

const READY = 'ready\n';
const LONGEST_ORDER = 4096;
const IMAGES = /^images(\.\d+)?$/;
const PAGE_SERVER_LOG = 'page-server.log';

/**
 * Listens on a unix socket that only root reaches; ssh, or the listener of TLS, forwards to it. Nothing of the data
 * passes through the connection that carries the requests.
 */
export class DataServer {
  readonly #server: Server;
  readonly #connections = new Set<Socket>();
  /** Hang up on those that were taken over by their descriptor. */
  readonly #channels = new Set<() => void>();
  readonly #running = new Set<Promise<unknown>>();
  readonly #pageServers = new Map<string, Promise<string | undefined>>();
  /** Brings the memory of the restored processes, when that comes later. */
  lazy?: LazyDaemon;
  /** Why it could not be started. */
  #noLazy?: string;

  private constructor(
    private readonly dir: string,
    private readonly criu: string,
  ) {
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      this.#connections.add(socket);
      socket.on('error', () => {});
      socket.once('close', () => this.#connections.delete(socket));
      const work = this.#serve(socket).catch(() => socket.destroy());
      this.#running.add(work);
      void work.finally(() => this.#running.delete(work));
    });
  }

  /** @throws Error of listen(2) */
  static async listen(dir: string, criu: string): Promise<DataServer> {
    const server = new DataServer(dir, criu);
    await new Promise<void>((resolve, reject) => {
      server.#server.once('error', reject).listen(server.path, resolve);
    });
    return server;
  }

  get path(): string {
    return `${this.dir}/data.sock`;
  }

  /** Waits for the page server of `images` to end. Resolves to what went wrong, if something did. */
  async pagesEnd(images: string): Promise<string | undefined> {
    return this.#pageServers.get(images);
  }

  /** Waits until all memory has come that comes later. Resolves to what went wrong, if something did. */
  async lazyEnd(): Promise<string | undefined> {
    return this.#noLazy ?? (await this.lazy?.ended);
  }

  /** Hangs up on everyone; resolves when the programs behind the connections have ended. */
  async close(): Promise<void> {
    this.#server.close();
    for (const socket of this.#connections) socket.destroy();
    for (const hangUp of this.#channels) hangUp();
    this.lazy?.kill();
    await Promise.allSettled(this.#running);
    await rm(this.path, { force: true });
  }

  async #serve(socket: Socket): Promise<void> {
    const order = JSON.parse(await readFirstLine(socket, LONGEST_ORDER)) as DataOrder;
    const channel = channelOver(socket);
    if (order.kind === 'pages') {
      const ended = this.#receivePages(channel, order.images, order.parent);
      this.#pageServers.set(order.images, ended);
      await ended;
      return;
    }
    const stream = new FramedStream(channel);
    // Beside the frames: the stream has sent none yet. Where nobody is left, its own end tells.
    const ready = () => void channel.write(Buffer.from(READY)).catch(() => {});
    const hangUp = () => void stream.destroy();
    this.#channels.add(hangUp);
    stream.once('close', () => this.#channels.delete(hangUp));
    try {
      if (order.kind === 'tar') await this.#unpack(stream, ready);
      else await this.#bringPages(stream, ready, order.images);
    } catch (error) {
      hangUp();
      throw error;
    }
  }

  async #unpack(socket: Duplex, ready: () => void): Promise<void> {
    const { child, exited } = start('tar', ['-x', '-p', '--same-owner', '-f', '-', '-C', this.dir]);
    ready();
    socket.pipe(child.stdin);
    // A transfer that was cut off must not leave a tar that waits.
    socket.once('close', () => child.stdin.destroy());
    child.stdout.resume();
    const [words, { exitCode }] = await Promise.all([text(child.stderr), exited]);
    // The first of tar's complaints is the reason; the later ones follow from it.
    const error = exitCode === 0 ? undefined : words.split('\n')[0] || `tar ended with exit code ${exitCode}`;
    socket.end(`${JSON.stringify({ ...(error ? { error } : {}) } satisfies DataResult)}\n`);
  }

  async #bringPages(socket: Duplex, ready: () => void, images: string): Promise<void> {
    try {
      this.lazy = await LazyDaemon.start(this.criu, this.#directory(images), socket);
    } catch (error) {
      this.#noLazy = (error as Error).message;
      throw error;
    }
    ready();
    await this.lazy.ended;
    socket.end();
  }

  /** @throws RoamError AGENT_PROTOCOL */
  #directory(images: string): string {
    if (!IMAGES.test(images)) throw new RoamError('AGENT_PROTOCOL', `"${images}" is no directory of images`);
    return `${this.dir}/${images}`;
  }

  /** @returns what went wrong, if something did */
  async #receivePages(channel: ByteChannel, images: string, parent?: string): Promise<string | undefined> {
    const hangUp = () => channel.close();
    this.#channels.add(hangUp);
    try {
      const directory = this.#directory(images);
      if (parent) this.#directory(parent);
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const log = await CriuLog.expect(directory, PAGE_SERVER_LOG);
      const args = ['page-server', '--images-dir', directory, '--log-file', PAGE_SERVER_LOG, '-v2'];
      // What a later round brings again is punched out of the earlier images: memory for one copy is enough.
      if (parent) args.push('--prev-images-dir', `../${parent}`, '--auto-dedup');
      const { child, exited } = start(this.criu, [...args, '--ps-socket', String(PAGES_FD)], { sockets: 1 });
      child.stdin.end();
      child.stdout.resume();
      const server = ByteSocket.take(child.stdio[PAGES_FD] as unknown as Socket);
      await channel.write(Buffer.from(READY)).catch(hangUp);
      await passOn(channel, server);
      const [words, { exitCode, failure }] = await Promise.all([text(child.stderr), exited]);
      if (exitCode === 0) return undefined;
      const reason = firstCriuError(await log.read()) ?? failure?.message ?? words.split('\n')[0];
      return reason || `exit code ${exitCode}`;
    } finally {
      this.#channels.delete(hangUp);
      hangUp();
    }
  }
}

/** Both ways, until either side ends; what was wrong shows in the end of the page server. */
async function passOn(channel: ByteChannel, server: ByteSocket): Promise<void> {
  const frames = new FrameChannel(channel);
  const answer = Buffer.allocUnsafe(ANSWER);
  const answers = async () => {
    for (let count = await server.some(answer); count > 0; count = await server.some(answer))
      await frames.write(answer.subarray(0, count));
    await frames.end();
  };
  const pages = async () => {
    try {
      await frames.receive((part) => server.write(part));
    } finally {
      server.close();
    }
  };
  const answered = answers().catch(() => {});
  // The source hears of a page server that has ended by the end of its answers.
  await pages().catch(() => {});
  await answered;
}

const PAGES_FD = 3;
/** Bytes of a page server's answer, at most. */
const ANSWER = 4096;
