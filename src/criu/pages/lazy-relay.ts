// The destination's part of pages that come later: what the source sends of itself is kept here until it is asked for.
import type { Duplex } from 'node:stream';
import {
  COMMAND,
  carriesPages,
  encodeHeader,
  PAGE,
  PageCommand,
  PageFlags,
  parseHeader,
} from './protocol.js';
import { ExactReader } from './reader.js';
import { write } from './write.js';

/** Pages that may lie here and be on their way together: 32 MiB. */
const WINDOW = 8192;

interface Wanted {
  id: bigint;
  first: number;
  pages: number;
}

export interface RelayOptions {
  /** Pages that may lie here and be on their way together. */
  window?: number;
  /** Nothing comes unasked before: in a freeze it would be in the way of what has to come. */
  begin?: Promise<void>;
}

/** Pages of one process by their numbers, and the numbers of those that the daemon has got. */
class Shelf {
  readonly pages = new Map<number, Buffer>();
  readonly gone = new Set<number>();
}

/**
 * Stands between a `criu lazy-pages` daemon and {@link serveLazyPages}. The daemon asks for one piece after the other
 * and waits for each: over a long way, or for memory in many pieces, that takes as many round trips. So the source is
 * told how much it may send unasked, and most of what the daemon asks for is here already. What is not is asked for.
 *
 * Resolves when one of the two has ended its side, the last answer included.
 */
export async function relayLazyPages(
  daemon: Duplex,
  source: Duplex,
  { window = WINDOW, begin = Promise.resolve() }: RelayOptions = {},
): Promise<void> {
  const shelves = new Map<bigint, Shelf>();
  const shelfOf = (id: bigint) => {
    const shelf = shelves.get(id) ?? new Shelf();
    shelves.set(id, shelf);
    return shelf;
  };
  let waiting: Wanted[] = [];
  /** Pages here, and pages that may still come unasked. */
  let [kept, due] = [0, 0];

  let begun = false;

  /** Told in quarters of the window: a word for each page would be dear. */
  const invite = async () => {
    if (!begun) return;
    const more = window - kept - due;
    if (more < window / 4) return;
    due += more;
    await write(source, encodeHeader({ command: PageCommand.push, flags: 0, pages: more, first: 0, id: 0n }));
  };

  const answer = async ({ id, first, pages: most }: Wanted): Promise<boolean> => {
    const { pages, gone } = shelfOf(id);
    const parts: Buffer[] = [];
    for (let page = first; page < first + most; page++) {
      const part = pages.get(page);
      if (!part) break;
      parts.push(part);
      pages.delete(page);
      gone.add(page);
    }
    if (parts.length === 0) return false;
    kept -= parts.length;
    const found = { command: PageCommand.addFlags, flags: PageFlags.present, first, pages: parts.length, id };
    await write(daemon, encodeHeader(found), ...parts);
    await invite();
    return true;
  };

  const arrived = async (id: bigint, first: number, data: Buffer) => {
    const { pages, gone } = shelfOf(id);
    const wanted = (page: number) =>
      waiting.some((one) => one.id === id && page >= one.first && page < one.first + one.pages);
    for (let at = 0; at < data.length; at += PAGE) {
      const page = first + at / PAGE;
      // A child that was forked meanwhile asks again.
      if (pages.has(page) || (gone.has(page) && !wanted(page))) continue;
      pages.set(page, data.subarray(at, at + PAGE));
      kept++;
    }
    const before = waiting;
    waiting = [];
    for (const one of before) if (!(await answer(one))) waiting.push(one);
    await invite();
  };

  const fromDaemon = async () => {
    const commands = new ExactReader(daemon);
    for (let bytes = await commands.read(COMMAND); bytes; bytes = await commands.read(COMMAND)) {
      const { command, id, first, pages } = parseHeader(bytes);
      const wanted = { id, first, pages };
      if (command === PageCommand.get) {
        if (await answer(wanted)) continue;
        waiting.push(wanted);
      }
      await write(source, bytes);
    }
  };

  const fromSource = async () => {
    const messages = new ExactReader(source);
    for (;;) {
      const word = await messages.read(4);
      if (!word) return;
      // The answer to the daemon's last word is nothing but a zero.
      if (word.readUInt32LE() === 0) {
        await write(daemon, word);
        continue;
      }
      const rest = await messages.read(COMMAND - word.length);
      const header = parseHeader(Buffer.concat([word, rest ?? Buffer.alloc(COMMAND - word.length)]));
      if (!rest || !carriesPages(header)) throw new Error('the source does not send pages');
      const data = await messages.read(header.pages * PAGE);
      if (!data) throw new Error('the stream ended in the middle');
      if (header.flags & PageFlags.lazy) due -= header.pages;
      await arrived(header.id, header.first, data);
    }
  };

  const beginning = begin.then(async () => {
    begun = true;
    await invite();
    await new Promise(() => {});
  });
  await Promise.race([fromDaemon(), fromSource(), beginning]);
}
