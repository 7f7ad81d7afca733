// Pages that are sent only after the process runs again, and how they are asked for.
import type { Duplex } from 'node:stream';
import { COMMAND, encodeHeader, PAGE, PageCommand, PageFlags, parseHeader } from './protocol.js';
import { ExactReader } from './reader.js';
import { PageStreamError } from './types.js';
import { write } from './write.js';

interface Run {
  /** Page number. */
  first: number;
  data: Buffer;
}

/** What a daemon may get unasked at once: it has to wait behind that for what it asks for. */
const PIECE = 16;

/** What was sent, and what was not. */
export interface LazySums {
  pages: number;
  bytes: number;
  /** Pages that were neither asked for nor sent unasked. */
  left: number;
}

/**
 * The pages that a dump has kept back, in memory: when they are asked for, the process that they were read from has
 * ended. A page may be asked for again, for a child that was forked meanwhile.
 */
export class LazyPages {
  /** By process; ascending and apart. */
  readonly #runs = new Map<number, Run[]>();
  readonly #sent = new Set<Run>();
  #pages = 0;
  #left = 0;

  /** Pages that are kept. */
  get pages(): number {
    return this.#pages;
  }

  /** Pages of runs of which nothing was sent yet. */
  get left(): number {
    return this.#left;
  }

  /** Pages of one process come in ascending order. `data` is kept as it is. */
  add(pid: number, first: number, data: Buffer): void {
    const runs = this.#runs.get(pid) ?? [];
    this.#runs.set(pid, runs);
    runs.push({ first, data });
    this.#pages += data.length / PAGE;
    this.#left += data.length / PAGE;
  }

  /** All pages once, in pieces. */
  *pieces(): Generator<{ pid: number; first: number; data: Buffer }, void> {
    for (const [pid, runs] of this.#runs)
      for (const run of runs) {
        const { first, data } = run;
        this.#mark(run);
        for (let at = 0; at < data.length; at += PIECE * PAGE)
          yield { pid, first: first + at / PAGE, data: data.subarray(at, at + PIECE * PAGE) };
      }
  }

  /** Up to `count` pages from page `first` on, as far as they are one piece; empty: there is no such page. */
  take(pid: number, first: number, count: number): Buffer[] {
    const runs = this.#runs.get(pid) ?? [];
    const parts: Buffer[] = [];
    let page = first;
    for (let i = findRun(runs, first); page < first + count; i++) {
      const run = runs[i];
      if (!run || page < run.first || page >= endOf(run)) break;
      const end = Math.min(endOf(run), first + count);
      parts.push(run.data.subarray((page - run.first) * PAGE, (end - run.first) * PAGE));
      this.#mark(run);
      page = end;
    }
    return parts;
  }

  #mark(run: Run): void {
    if (!this.#sent.has(run)) this.#left -= run.data.length / PAGE;
    this.#sent.add(run);
  }
}

const endOf = ({ first, data }: Run): number => first + data.length / PAGE;

/** Index of the run that `page` is in, if it is in one. */
function findRun(runs: Run[], page: number): number {
  let [from, to] = [0, runs.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (endOf(runs[middle] as Run) <= page) from = middle + 1;
    else to = middle;
  }
  return from;
}

/**
 * Answers a `criu lazy-pages` daemon until it says that it needs nothing more.
 *
 * @throws PageStreamError when it hangs up before that, or asks for what was not kept back
 */
export async function serveLazyPages(daemon: Duplex, pages: LazyPages): Promise<LazySums> {
  const commands = new ExactReader(daemon);
  const sums = { pages: 0, bytes: 0 };
  const send = async (...parts: Buffer[]) => {
    sums.bytes += parts.reduce((sum, part) => sum + part.length, 0);
    await write(daemon, ...parts).catch(() => {
      throw new PageStreamError('server', 'the connection was lost');
    });
  };
  const pieces = pages.pieces();
  let [allowed, isPushing] = [0, false];
  /** Between the pieces what was asked for has its turn. */
  const push = async () => {
    isPushing = true;
    while (allowed > 0) {
      const { value: piece } = pieces.next();
      if (!piece) break;
      const { pid, first, data } = piece;
      const count = data.length / PAGE;
      allowed -= count;
      sums.pages += count;
      const flags = PageFlags.present | PageFlags.lazy;
      const header = { command: PageCommand.addFlags, flags, first, pages: count, id: BigInt(pid) };
      await send(encodeHeader(header), data);
    }
    isPushing = false;
  };
  for (;;) {
    const bytes = await commands.read(COMMAND).catch(() => undefined);
    if (!bytes) throw new PageStreamError('server', 'the connection was lost');
    const { command, first, pages: count, id } = parseHeader(bytes);
    if (command === PageCommand.close || command === PageCommand.forceClose) {
      await send(Buffer.alloc(4));
      return { ...sums, left: pages.left };
    }
    if (command === PageCommand.push) {
      allowed += count;
      // That the connection is lost shows where commands are read.
      if (!isPushing) void push().catch(() => {});
      continue;
    }
    if (command !== PageCommand.get)
      throw new PageStreamError('server', `the lazy pages daemon sent the unknown command ${command}`);
    // Here the number of a process stands alone, without its type.
    const parts = pages.take(Number(id), first, count);
    const found = parts.reduce((sum, part) => sum + part.length, 0) / PAGE;
    if (found === 0)
      throw new PageStreamError(
        'memory',
        `process ${id} has no page at 0x${(first * PAGE).toString(16)} that was kept back`,
      );
    sums.pages += found;
    await send(
      encodeHeader({ command: PageCommand.addFlags, flags: PageFlags.present, first, pages: found, id }),
      ...parts,
    );
  }
}
