// Stands between a CRIU that dumps and the page server: what the other side has already is not sent again.
import type { Duplex } from 'node:stream';
import { type Digest, makeDigest, PageDigests } from './digests.js';
import {
  COMMAND,
  carriesPages,
  encodeHeader,
  PAGE,
  PageCommand,
  PageFlags,
  type PageHeader,
  parseHeader,
  processOf,
} from './protocol.js';
import { ExactReader } from './reader.js';

/** Pages handled at once: what is read while the last part is still being written. */
const BATCH = 64;

/** What one round sent. */
export interface PageRound {
  /** Pages whose content was sent. */
  pages: number;
  /** Pages that CRIU gave, and that the other side had already: it can't see who writes to pinned memory. */
  unchanged: number;
  /** Bytes written to the page server. */
  bytes: number;
}

/** Memory that a device may have written without the page tables knowing. */
export interface UntrackedMemory {
  /** Ascending, in page numbers, `end` excluded. */
  ranges: { first: number; end: number }[];
  read(first: number, pages: number): Promise<Buffer>;
  /** Called when the round has ended. */
  close(): Promise<void>;
}

export interface RoundOptions {
  /** Ascending from 1. */
  round: number;
  /** The tasks are frozen and nothing follows: the memory that `untracked` tells is looked at too. */
  last: boolean;
  /** Memory of a process beyond the page tables' sight; asked once for each process, in the last round. */
  untracked?: (pid: number) => Promise<UntrackedMemory | undefined>;
  /** Called before bytes are written, and may delay them. */
  pace?: (bytes: number) => Promise<void> | void;
}

/**
 * Passes rounds of pages on to page servers, and remembers what it has sent.
 *
 * Invariant: a page goes as "in the parent" only if the parent images list it, that is, if it was listed in the
 * round before, and its content is what was last sent.
 */
export class PageFilter {
  readonly #sent = new Map<bigint, PageDigests>();
  #digest?: Digest;

  /**
   * One round, from CRIU's first command to its last.
   *
   * @param criu the socket that CRIU takes for its page server
   * @param server the page server
   * @throws PageStreamError when either side hangs up in the middle
   */
  async round(criu: Duplex, server: Duplex, options: RoundOptions): Promise<PageRound> {
    this.#digest ??= await makeDigest();
    const pass = new Pass(criu, server, this.#sent, this.#digest, options);
    try {
      await pass.run();
    } finally {
      await pass.close();
    }
    return pass.sums;
  }
}

/** The stream of pages broke, and on whose side. */
export class PageStreamError extends Error {
  constructor(
    readonly side: 'criu' | 'server' | 'memory',
    message: string,
  ) {
    super(message);
  }
}

/** The state of one round. */
class Pass {
  readonly sums: PageRound = { pages: 0, unchanged: 0, bytes: 0 };
  readonly #commands: ExactReader;
  readonly #answers: ExactReader;
  readonly #untracked = new Map<bigint, Promise<UntrackedMemory | undefined>>();

  constructor(
    private readonly criu: Duplex,
    private readonly server: Duplex,
    private readonly sent: Map<bigint, PageDigests>,
    private readonly digest: Digest,
    private readonly options: RoundOptions,
  ) {
    this.#commands = new ExactReader(criu);
    this.#answers = new ExactReader(server);
  }

  async run(): Promise<void> {
    for (;;) {
      const bytes = await this.#fromCriu(COMMAND);
      const header = parseHeader(bytes);
      if (header.command === PageCommand.open2) await this.#ask(bytes, 1);
      else if (header.command === PageCommand.parent) await this.#ask(bytes, 4);
      else if (carriesPages(header)) await this.#present(header);
      else if (header.command === PageCommand.hole || header.command === PageCommand.addFlags)
        await this.#inParent(header);
      else if (header.command === PageCommand.close || header.command === PageCommand.forceClose)
        return this.#ask(bytes, 4);
      else throw new PageStreamError('criu', `CRIU sent the unknown page command ${header.command}`);
    }
  }

  /** Never throws: what could not be read has been told. */
  async close(): Promise<void> {
    for (const asked of this.#untracked.values()) {
      const memory = await asked.catch(() => undefined);
      await memory?.close().catch(() => {});
    }
  }

  /** Passes a command on, and its answer back. */
  async #ask(command: Buffer, answerLength: number): Promise<void> {
    await this.#send(command);
    const answer = await this.#answers.read(answerLength).catch(() => undefined);
    if (!answer) throw new PageStreamError('server', 'the page server hung up');
    await write(this.criu, answer);
  }

  async #present(header: PageHeader): Promise<void> {
    const { round, last } = this.options;
    const known = this.#digests(header.id);
    for (let done = 0; done < header.pages; done += BATCH) {
      const count = Math.min(BATCH, header.pages - done);
      const data = await this.#fromCriu(count * PAGE);
      const first = header.first + done;
      await this.#runs({ ...header, command: PageCommand.addFlags }, first, data, (i) => {
        const before = known.get(first + i, round - 1);
        // What nobody will ask about again needs no digest.
        if (last && before === undefined) return true;
        const digest = this.digest(pageOf(data, i));
        const changed = before !== digest;
        if (changed) known.set(first + i, digest, round);
        else known.keep(first + i, round);
        return changed;
      });
    }
  }

  /** CRIU says that these pages have not changed. */
  async #inParent(header: PageHeader): Promise<void> {
    const { round, last } = this.options;
    const known = this.#digests(header.id);
    const memory = last ? await this.#untrackedOf(header.id) : undefined;
    let at = header.first;
    const end = header.first + header.pages;
    for (const range of memory?.ranges ?? []) {
      const from = Math.max(at, range.first);
      const to = Math.min(end, range.end);
      if (!memory || from >= to) continue;
      await this.#hole(header, at, from);
      for (let first = from; first < to; first += BATCH) {
        const data = await memory.read(first, Math.min(BATCH, to - first)).catch((error: Error) => {
          throw new PageStreamError('memory', error.message);
        });
        await this.#runs(
          { ...header, command: PageCommand.addFlags, flags: PageFlags.present },
          first,
          data,
          (i) => {
            const before = known.get(first + i, round - 1);
            return before !== this.digest(pageOf(data, i));
          },
        );
      }
      at = to;
    }
    await this.#hole(header, at, end);
    if (!last) for (let page = header.first; page < end; page++) known.keep(page, round);
  }

  async #hole(header: PageHeader, first: number, end: number): Promise<void> {
    if (first < end) await this.#send(encodeHeader({ ...header, first, pages: end - first }));
  }

  /** Splits `data`, which begins at page `first`, into runs that changed and runs that did not. */
  async #runs(
    header: PageHeader,
    first: number,
    data: Buffer,
    /** Called once for each page, in order: it takes note of what it sees. */
    isChanged: (index: number) => boolean,
  ): Promise<void> {
    const count = data.length / PAGE;
    const judged = Array.from({ length: count }, (_, i) => isChanged(i));
    for (let from = 0, to = 0; from < count; from = to) {
      const changed = judged[from] === true;
      for (to = from + 1; to < count && judged[to] === changed; to++);
      const flags = changed ? header.flags | PageFlags.present : PageFlags.parent;
      const head = encodeHeader({ ...header, flags, first: first + from, pages: to - from });
      if (changed) {
        this.sums.pages += to - from;
        await this.#send(head, data.subarray(from * PAGE, to * PAGE));
      } else {
        this.sums.unchanged += to - from;
        await this.#send(head);
      }
    }
  }

  #digests(id: bigint): PageDigests {
    const known = this.sent.get(id) ?? new PageDigests();
    this.sent.set(id, known);
    return known;
  }

  #untrackedOf(id: bigint): Promise<UntrackedMemory | undefined> {
    const pid = processOf(id);
    const asked =
      this.#untracked.get(id) ??
      Promise.resolve(pid === undefined ? undefined : this.options.untracked?.(pid));
    this.#untracked.set(id, asked);
    return asked;
  }

  async #fromCriu(length: number): Promise<Buffer> {
    const bytes = await this.#commands.read(length).catch(() => undefined);
    if (!bytes) throw new PageStreamError('criu', 'CRIU hung up before its last page');
    return bytes;
  }

  async #send(...parts: Buffer[]): Promise<void> {
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    await this.options.pace?.(length);
    this.sums.bytes += length;
    await write(this.server, ...parts).catch(() => {
      throw new PageStreamError('server', 'the page server hung up');
    });
  }
}

const pageOf = (data: Buffer, index: number): Buffer => data.subarray(index * PAGE, (index + 1) * PAGE);

/** Writes, and waits for room: pages are never piled up in this process. */
function write(stream: Duplex, ...parts: Buffer[]): Promise<void> {
  if (stream.destroyed) return Promise.reject(new Error('the connection was closed'));
  stream.cork();
  const room = parts.map((part) => stream.write(part)).at(-1);
  stream.uncork();
  if (room) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const settle = (fn: () => void) => () => {
      stream.off('drain', onDrain).off('close', onClose);
      fn();
    };
    const onDrain = settle(resolve);
    const onClose = settle(() => reject(new Error('the connection was closed')));
    stream.once('drain', onDrain).once('close', onClose);
  });
}
