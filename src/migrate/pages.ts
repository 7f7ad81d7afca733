// Memory goes straight from CRIU to a page server at the destination, round after round.
import { mkdir, open } from 'node:fs/promises';
import { Criu, type CriuOptions, PAGE, PageFilter, type PageRound, PageStreamError } from '../criu/index.js';
import type { UntrackedMemory } from '../criu/pages/index.js';
import { RoamError } from '../errors.js';
import type { AgentClient } from './agent/client.js';
import type { DataLink } from './data-link.js';
import { deviceMemory } from './rdma.js';

/** Directory of the last images, at both ends; those of the rounds before are beside it. */
const IMAGES = 'images';

export interface PageStreamContext {
  link: DataLink;
  agent: AgentClient;
  /** ssh destination, for messages. */
  host: string;
  /** Directory of the migration here. */
  dir: string;
  /** criu binary. */
  criu: string;
  /** Aborted: whatever is under way ends. */
  signal?: AbortSignal;
  /** Called before bytes are written, and may delay them. */
  pace?: (bytes: number) => Promise<void>;
}

/** What a request of CRIU needs to send its pages, and what becomes of them. */
export interface PageRequest {
  criu: Criu;
  opts: CriuOptions;
  /** What was sent; settles before CRIU says `post-dump`. */
  sent: Promise<PageRound>;
}

/** The rounds of one migration. */
export class PageStream {
  readonly #filter = new PageFilter();
  #rounds = 0;

  constructor(private readonly c: PageStreamContext) {}

  /** A pre-dump: memory is sent, and the process runs. */
  async preDump(request: (page: PageRequest) => Promise<void>): Promise<PageRound> {
    const parent = this.#rounds === 0 ? undefined : `${IMAGES}.${this.#rounds}`;
    this.#rounds++;
    return this.#round({ images: `${IMAGES}.${this.#rounds}`, parent, last: false }, request);
  }

  /** The last round, on top of those before. */
  async last(request: (page: PageRequest) => Promise<void>): Promise<PageRound> {
    const parent = this.#rounds === 0 ? undefined : `${IMAGES}.${this.#rounds}`;
    this.#rounds++;
    return this.#round({ images: IMAGES, parent, last: true }, request);
  }

  async #round(
    { images, parent, last }: { images: string; parent?: string | undefined; last: boolean },
    request: (page: PageRequest) => Promise<void>,
  ): Promise<PageRound> {
    const { link, dir, criu: path, pace, signal } = this.c;
    const imagesDir = `${dir}/${images}`;
    await mkdir(imagesDir, { recursive: true, mode: 0o700 });
    if (signal?.aborted) throw new RoamError('INTERRUPTED', 'interrupted');
    const server = await link.connect({ kind: 'pages', images, ...(parent ? { parent } : {}) });
    const hangUp = () => server.destroy();
    signal?.addEventListener('abort', hangUp);
    try {
      await using criu = await Criu.swrk({ path, pages: true });
      const { socket, fd } = criu.pages;
      socket.on('error', () => {});
      let broken: unknown;
      const options = { round: this.#rounds, last, untracked: readDeviceMemory, ...(pace ? { pace } : {}) };
      const sent = this.#filter.round(socket, server, options).catch((error) => {
        broken = error;
        // CRIU waits for an answer that will not come.
        socket.destroy();
        throw error;
      });
      sent.catch(() => {});
      const parentImg = parent ? { parentImg: `../${parent}`, trackMem: true } : {};
      await request({ criu, opts: { imagesDir, ps: { fd }, ...parentImg }, sent }).catch(async (error) => {
        throw await this.#cause(error, broken, images);
      });
      return await sent;
    } finally {
      signal?.removeEventListener('abort', hangUp);
      server.destroy();
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
      remedy: `see that ${host} has room and that ssh to it is stable`,
    });
  }
}

/** The memory of a frozen process that its RDMA devices write to. */
async function readDeviceMemory(pid: number): Promise<UntrackedMemory | undefined> {
  const ranges = await deviceMemory(pid);
  if (ranges.length === 0) return undefined;
  const memory = await open(`/proc/${pid}/mem`, 'r');
  return {
    ranges,
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
