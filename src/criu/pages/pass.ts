// One round of pages on its way from CRIU to the page server.
import { BATCH, Batches } from './batches.js';
import type { ByteChannel } from './channel.js';
import { type Digest, PageDigests } from './digests.js';
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
import { cut } from './ranges.js';
import {
  type PageRange,
  type PageRound,
  PageStreamError,
  type RoundOptions,
  type UntrackedMemory,
} from './types.js';

/** The state of one round. */
export class Pass {
  readonly sums: PageRound = { pages: 0, lazy: 0, deferrable: 0, unchanged: 0, bytes: 0 };
  readonly #batches = new Batches();
  readonly #untracked = new Map<bigint, Promise<UntrackedMemory | undefined>>();
  /** A run that was kept back and is not listed yet. */
  #kept?: PageHeader;
  /** Goes by one call. */
  #outbox: Buffer[] = [];

  constructor(
    private readonly criu: ByteChannel,
    private readonly server: ByteChannel,
    private readonly sent: Map<bigint, PageDigests>,
    private readonly digest: Digest,
    private readonly options: RoundOptions,
  ) {}

  async run(): Promise<void> {
    for (;;) {
      const bytes = await this.#fromCriu(Buffer.allocUnsafe(COMMAND));
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
    this.#send(command);
    await this.#flush();
    const answer = Buffer.allocUnsafe(answerLength);
    if (!(await this.server.fill(answer).catch(() => false))) throw hungUp();
    await this.criu.write(answer).catch(() => {});
  }

  async #present(header: PageHeader): Promise<void> {
    const { round, last } = this.options;
    const known = this.#digests(header.id);
    for (let done = 0; done < header.pages; done += BATCH) {
      const count = Math.min(BATCH, header.pages - done);
      const batch = await this.#batches.take();
      const data = await this.#fromCriu(batch.subarray(0, count * PAGE));
      const first = header.first + done;
      // What nobody will ask about again needs no digest.
      const digests = last && !isKnown(known, first, count, round - 1) ? undefined : this.digest(data);
      await this.#runs({ ...header, command: PageCommand.addFlags }, first, data, (i) => {
        if (!digests) return true;
        const changed = !known.has(first + i, round - 1) || !known.is(first + i, digests, i);
        if (changed) known.set(first + i, digests, i, round);
        else known.keep(first + i, round);
        return changed;
      });
      this.#batches.give(this.#flush());
    }
  }

  /** CRIU says that these pages have not changed. */
  async #inParent(header: PageHeader): Promise<void> {
    const { round, last } = this.options;
    const known = this.#digests(header.id);
    const memory = last ? await this.#untrackedOf(header.id) : undefined;
    const end = header.first + header.pages;
    for (const part of cut({ first: header.first, end }, memory?.ranges ?? [])) {
      if (memory && part.inside) await this.#unseen(header, part, memory, known);
      else this.#send(encodeHeader({ ...header, first: part.first, pages: part.end - part.first }));
    }
    await this.#flush();
    if (!last) for (let page = header.first; page < end; page++) known.keep(page, round);
  }

  /** Memory that a device may have changed, unseen by CRIU. */
  async #unseen(
    header: PageHeader,
    range: PageRange,
    memory: UntrackedMemory,
    known: PageDigests,
  ): Promise<void> {
    const { round } = this.options;
    const run = { ...header, command: PageCommand.addFlags, flags: PageFlags.present };
    for (let first = range.first; first < range.end; first += BATCH) {
      const data = await memory.read(first, Math.min(BATCH, range.end - first)).catch((error: Error) => {
        throw new PageStreamError('memory', error.message);
      });
      const digests = this.digest(data);
      await this.#runs(
        run,
        first,
        data,
        (i) => !known.has(first + i, round - 1) || !known.is(first + i, digests, i),
      );
      await this.#flush();
    }
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
      if (changed) await this.#changed(header, first + from, data.subarray(from * PAGE, to * PAGE));
      else {
        this.sums.unchanged += to - from;
        const run = { ...header, flags: PageFlags.parent, first: first + from, pages: to - from };
        this.#send(encodeHeader(run));
      }
    }
  }

  /** Pages that have to go: those that a device has pinned at once, because a restore pins them again. */
  async #changed(header: PageHeader, first: number, data: Buffer): Promise<void> {
    const { lazy } = this.options;
    const pid = processOf(header.id);
    const isLazy = pid !== undefined && (header.flags & PageFlags.lazy) !== 0;
    const canWait = lazy !== undefined && isLazy;
    const pinned = canWait ? (await this.#untrackedOf(header.id))?.pinned : [];
    for (const part of cut({ first, end: first + data.length / PAGE }, pinned ?? [])) {
      const pages = part.end - part.first;
      const run = { ...header, first: part.first, pages };
      const content = data.subarray((part.first - first) * PAGE, (part.end - first) * PAGE);
      if (canWait && !part.inside) {
        this.sums.lazy += pages;
        lazy.add(pid, part.first, Buffer.from(content));
        this.#later({ ...run, flags: PageFlags.lazy });
        continue;
      }
      this.sums.pages += pages;
      if (isLazy) this.sums.deferrable += pages;
      // A restore passes over whatever is marked as lazy.
      const flags = (canWait ? header.flags & ~PageFlags.lazy : header.flags) | PageFlags.present;
      this.#send(encodeHeader({ ...run, flags }), content);
    }
  }

  /** Adjoining runs are listed as one: the other side asks for no more than one of them at a time. */
  #later(run: PageHeader): void {
    const before = this.#kept;
    if (before && before.id === run.id && before.first + before.pages === run.first)
      before.pages += run.pages;
    else {
      this.#list();
      this.#kept = { ...run };
    }
  }

  #list(): void {
    const run = this.#kept;
    this.#kept = undefined;
    if (run) this.#send(encodeHeader(run));
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

  async #fromCriu(bytes: Buffer): Promise<Buffer> {
    if (await this.criu.fill(bytes).catch(() => false)) return bytes;
    throw new PageStreamError('criu', 'CRIU hung up before its last page');
  }

  #send(...parts: Buffer[]): void {
    // Pages are listed in ascending order.
    if (this.#kept) this.#list();
    for (const part of parts) {
      this.sums.bytes += part.length;
      this.#outbox.push(part);
    }
  }

  /** Resolves when all that was sent may change. */
  #flush(): Promise<void> {
    const parts = this.#outbox;
    this.#outbox = [];
    if (parts.length === 0) return Promise.resolve();
    return this.server.write(...parts).catch(() => {
      throw hungUp();
    });
  }
}

const hungUp = () => new PageStreamError('server', 'the page server hung up');

/** Whether any of these pages was listed in that round. */
function isKnown(known: PageDigests, first: number, count: number, round: number): boolean {
  for (let page = first; page < first + count; page++) if (known.has(page, round)) return true;
  return false;
}
