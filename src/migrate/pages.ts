// Memory goes straight from CRIU to a page server at the destination, round after round.
import { mkdir, open } from 'node:fs/promises';
import { Criu, type CriuOptions } from '../criu/index.js';
import {
  channelOver,
  LazyPages,
  PAGE,
  PageFilter,
  type PageRound,
  PageStreamError,
  type UntrackedMemory,
} from '../criu/pages/index.js';
import { RoamError } from '../errors.js';
import type { AgentClient } from './agent/client.js';
import { waysTo } from './agent/transport.js';
import type { DataLink } from './data-link.js';
import { deviceMemory } from './rdma.js';

/** Directory of the last images, at both ends; those of the rounds before are beside it. */
const IMAGES = 'images';

/** A CRIU that sends its pages to us. */
export type PageCriu = Pick<Criu, 'pages' | 'dump'> & AsyncDisposable;

export interface PageStreamContext {
  link: DataLink;
  agent: AgentClient;
  /** ssh destination, for messages. */
  host: string;
  /** Directory of the migration here. */
  dir: string;
  /** criu binary. */
  criu: string;
  /** Starts the CRIU of the last round, where that is not ours to start. */
  dumping?: (imagesDir: string) => PageCriu;
  /** The number on this host of a process that CRIU names by the one in its own namespace. */
  hostPid?: (pid: number) => Promise<number | undefined>;
  /** The last round keeps back what can be sent later. */
  postCopy: boolean;
  /** Aborted: whatever is under way ends. */
  signal?: AbortSignal;
}

/** What a request of CRIU needs to send its pages, and what becomes of them. */
export interface PageRequest<C = PageCriu> {
  criu: C;
  opts: CriuOptions & { imagesDir: string };
  /** What was sent; settles before CRIU says `post-dump`. */
  sent: Promise<PageRound>;
}

/** The rounds of one migration. */
export class PageStream {
  /** What the last round has kept back. */
  readonly lazy?: LazyPages;
  readonly #filter = new PageFilter();
  #rounds = 0;

  constructor(private readonly c: PageStreamContext) {
    if (c.postCopy) this.lazy = new LazyPages();
  }

  /** A pre-dump: memory is sent, and the process runs. */
  preDump(request: (page: PageRequest<Criu>) => Promise<void>): Promise<PageRound> {
    return this.#round(false, () => Criu.swrk({ path: this.c.criu, pages: true }), request);
  }

  /** The last round, on top of those before. */
  last(request: (page: PageRequest) => Promise<void>): Promise<PageRound> {
    const { criu: path, dumping } = this.c;
    const start = (imagesDir: string) => dumping?.(imagesDir) ?? Criu.swrk({ path, pages: true });
    return this.#round<PageCriu>(true, start, request);
  }

  async #round<C extends PageCriu>(
    last: boolean,
    start: (imagesDir: string) => C | Promise<C>,
    request: (page: PageRequest<C>) => Promise<void>,
  ): Promise<PageRound> {
    const { link, dir, signal, hostPid } = this.c;
    const parent = this.#rounds === 0 ? undefined : `${IMAGES}.${this.#rounds}`;
    const round = ++this.#rounds;
    const images = last ? IMAGES : `${IMAGES}.${round}`;
    const imagesDir = `${dir}/${images}`;
    await mkdir(imagesDir, { recursive: true, mode: 0o700 });
    if (signal?.aborted) throw new RoamError('INTERRUPTED', 'interrupted');
    // Both at once: each starts a program.
    const starting = Promise.resolve(start(imagesDir));
    starting.catch(() => {});
    const order = { kind: 'pages', images, ...(parent ? { parent } : {}) } as const;
    const server = await link.pageServer(order).catch(async (error) => {
      await (await starting.catch(() => undefined))?.[Symbol.asyncDispose]();
      throw error;
    });
    const hangUp = () => server.close();
    signal?.addEventListener('abort', hangUp);
    try {
      await using criu = await starting;
      const { socket, fd } = criu.pages;
      socket.on('error', () => {});
      const given = channelOver(socket);
      let broken: unknown;
      const untracked = async (pid: number) => readDeviceMemory((await hostPid?.(pid)) ?? pid);
      const lazy = last ? this.lazy : undefined;
      const options = { round, last, lazy, untracked };
      const sent = this.#filter
        .round(given, server, options)
        .catch((error) => {
          broken = error;
          throw error;
        })
        // When it broke, CRIU waits for an answer that will not come.
        .finally(() => given.close());
      sent.catch(() => {});
      const parentImg = parent ? { parentImg: `../${parent}`, trackMem: true } : {};
      await request({ criu, opts: { imagesDir, ps: { fd }, ...parentImg }, sent }).catch(async (error) => {
        throw await this.#cause(error, broken, images);
      });
      return await sent;
    } finally {
      signal?.removeEventListener('abort', hangUp);
      server.close();
    }
  }

  /** Who broke the stream first: what CRIU says of a page server that hung up is a consequence. */
  async #cause(error: unknown, broken: unknown, images: string): Promise<unknown> {
    if (!(broken instanceof PageStreamError) || broken.side === 'criu') return error;
    const { host, agent, signal } = this.c;
    if (signal?.aborted) return new RoamError('INTERRUPTED', 'interrupted', { cause: error });
    if (broken.side === 'memory') return new RoamError('MEMORY_UNREADABLE', broken.message, { cause: error });
    const reason = await agent.request('pagesEnd', { images }).catch((gone: Error) => gone.message);
    return new RoamError('TRANSFER_FAILED', `at ${host}: ${reason ?? broken.message}`, {
      cause: error,
      remedy: `see that ${host} has room and that ${waysTo(host)} is stable`,
    });
  }
}

/** The memory of a frozen process that is registered with RDMA devices. */
async function readDeviceMemory(pid: number): Promise<UntrackedMemory | undefined> {
  const { pinned, written } = await deviceMemory(pid);
  if (pinned.length === 0) return undefined;
  const memory = await open(`/proc/${pid}/mem`, 'r');
  return {
    ranges: written,
    pinned,
    close: () => memory.close(),
    read: async (first, pages) => {
      const data = Buffer.allocUnsafe(pages * PAGE);
      const { bytesRead } = await memory.read(data, 0, data.length, first * PAGE);
      if (bytesRead !== data.length)
        throw new Error(
          `the registered memory of process ${pid} cannot be read at 0x${(first * PAGE).toString(16)}`,
        );
      return data;
    },
  };
}
