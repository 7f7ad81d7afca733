import { randomBytes } from 'node:crypto';
import { Duplex, PassThrough } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeSlowDigest, PageDigests } from '../../../src/criu/pages/digests.js';
import { PAGE, PageFilter, StreamChannel, type UntrackedMemory } from '../../../src/criu/pages/index.js';
import {
  COMMAND,
  carriesPages,
  encodeHeader,
  PageCommand,
  PageFlags,
  parseHeader,
} from '../../../src/criu/pages/protocol.js';
import { ExactReader } from '../../../src/criu/pages/reader.js';
import { digestPages } from '../../../src/sys/index.js';

/** A process with the number 7. */
const ID = (7n << 8n) | 1n;

function pair(): [Duplex, Duplex] {
  const [there, back] = [new PassThrough(), new PassThrough()];
  return [Duplex.from({ readable: back, writable: there }), Duplex.from({ readable: there, writable: back })];
}

/** Content of a page, all of it the same number. */
const pageOf = (value: number): Buffer => Buffer.alloc(PAGE, value);

/** What CRIU lists in one round: `dirty` pages with their content, the rest as unchanged. */
interface Listed {
  memory: Map<number, number>;
  dirty: (page: number) => boolean;
}

async function speakAsCriu(stream: Duplex, { memory, dirty }: Listed): Promise<void> {
  const answers = new ExactReader(stream);
  const command = (name: number, flags = 0, first = 0, pages = 0) =>
    stream.write(encodeHeader({ command: name, flags, first, pages, id: ID }));
  command(PageCommand.open2);
  const parent = (await answers.read(1))?.[0];
  for (const [page, value] of [...memory].sort(([a], [b]) => a - b)) {
    const present = parent === 0 || dirty(page);
    command(PageCommand.addFlags, present ? PageFlags.present : PageFlags.parent, page, 1);
    if (present) stream.write(pageOf(value));
  }
  command(PageCommand.forceClose);
  expect((await answers.read(4))?.readInt32LE()).toBe(0);
}

/** Images as a page server writes them. @returns pages that came */
async function serve(stream: Duplex, images: Map<number, number>[]): Promise<number> {
  const commands = new ExactReader(stream);
  const parent = images.at(-1);
  const mine = new Map<number, number>();
  let came = 0;
  for (;;) {
    const header = parseHeader((await commands.read(COMMAND)) as Buffer);
    if (header.command === PageCommand.open2) stream.write(Buffer.from([parent ? 1 : 0]));
    else if (header.command === PageCommand.forceClose) {
      images.push(mine);
      stream.write(Buffer.alloc(4));
      return came;
    } else {
      for (let page = header.first; page < header.first + header.pages; page++) {
        if (carriesPages(header)) {
          mine.set(page, ((await commands.read(PAGE)) as Buffer)[0] as number);
          came++;
        } else {
          // As CRIU does: a hole that the parent does not list is an error.
          expect(parent?.has(page), `page ${page} is in the parent`).toBe(true);
          mine.set(page, parent?.get(page) as number);
        }
      }
    }
  }
}

async function round(
  filter: PageFilter,
  images: Map<number, number>[],
  listed: Listed,
  number: number,
  last = false,
  untracked?: UntrackedMemory,
) {
  const [criu, filterCriu] = pair();
  const [server, filterServer] = pair();
  const options = { round: number, last, ...(untracked ? { untracked: async () => untracked } : {}) };
  const [sums, , came] = await Promise.all([
    filter.round(new StreamChannel(filterCriu), new StreamChannel(filterServer), options),
    speakAsCriu(criu, listed),
    serve(server, images),
  ]);
  expect(came).toBe(sums.pages);
  return sums;
}

describe('the stream of pages', () => {
  it('arrives as it is at the source, whatever CRIU takes for dirty, and nothing twice', {
    timeout: 60_000,
  }, async () => {
    const memory = fc.uniqueArray(fc.tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 3 })), {
      selector: ([page]) => page,
    });
    await fc.assert(
      fc.asyncProperty(fc.array(memory, { minLength: 1, maxLength: 5 }), fc.nat(), async (rounds, seed) => {
        const filter = new PageFilter();
        const images: Map<number, number>[] = [];
        let before = new Map<number, number>();
        for (const [index, pages] of rounds.entries()) {
          const now = new Map(pages);
          const changed = [...now].filter(([page, value]) => before.get(page) !== value);
          // CRIU lists at least what changed, and any other page too.
          const dirty = (page: number) =>
            before.get(page) !== now.get(page) || ((seed >> (page % 16)) & 1) === 1;
          const sums = await round(
            filter,
            images,
            { memory: now, dirty },
            index + 1,
            index + 1 === rounds.length,
          );
          expect(images.at(-1)).toEqual(now);
          expect(sums.pages).toBe(changed.length);
          before = now;
        }
      }),
      { numRuns: 60 },
    );
  });

  it('looks itself at what a device may have written, in the last round', async () => {
    const filter = new PageFilter();
    const images: Map<number, number>[] = [];
    const memory = new Map([10, 11, 12, 13].map((page) => [page, 1]));
    await round(filter, images, { memory, dirty: () => true }, 1);
    memory.set(12, 9);
    let closed = false;
    const blind = { memory, dirty: () => false };
    const device = {
      ranges: [{ first: 11, end: 13 }],
      pinned: [{ first: 11, end: 13 }],
      close: async () => {
        closed = true;
      },
      read: async (first: number, pages: number) =>
        Buffer.concat(Array.from({ length: pages }, (_, i) => pageOf(memory.get(first + i) as number))),
    };
    expect(await round(filter, images, blind, 2, true, device)).toMatchObject({ pages: 1 });
    expect(closed).toBe(true);
    expect(images.at(-1)).toEqual(memory);
  });

  it('ends with an error when the page server hangs up', async () => {
    const [criu, filterCriu] = pair();
    const [server, filterServer] = pair();
    criu.write(encodeHeader({ command: PageCommand.open2, flags: 0, first: 0, pages: 0, id: ID }));
    server.end();
    await expect(
      new PageFilter().round(new StreamChannel(filterCriu), new StreamChannel(filterServer), {
        round: 1,
        last: true,
      }),
    ).rejects.toMatchObject({
      side: 'server',
    });
  });
});

describe('digests', () => {
  it('keep apart pages far beyond four billion', () => {
    const digests = new PageDigests();
    const pages = Array.from({ length: 5000 }, (_, i) => i * 2 ** 23 + i);
    const words = (page: number) => Uint32Array.of(page % 251, page % 7);
    for (const page of pages) digests.set(page, words(page), 0, 1);
    for (const page of pages) {
      expect(digests.has(page, 1)).toBe(true);
      expect(digests.is(page, words(page), 0)).toBe(true);
      expect(digests.is(page, words(page + 1), 0)).toBe(false);
      expect(digests.has(page + 1, 1), 'never listed').toBe(false);
    }
    expect(digests.has(pages[1] as number, 2), 'not listed in that round').toBe(false);
    expect(digests.has(1, 0), 'there is no round before the first').toBe(false);
  });

  it('are the same by the library of the system and without it', async () => {
    const seed = randomBytes(8);
    const pages = randomBytes(5 * PAGE);
    const out = new Uint32Array(10);
    expect(digestPages(pages, out, [seed.readUInt32LE(0), seed.readUInt32LE(4)])).toBe(true);
    const slow = await makeSlowDigest(seed);
    expect([...slow(pages).subarray(0, 10)]).toEqual([...out]);
    expect(() => digestPages(pages.subarray(1), out, [0, 0])).toThrow(RangeError);
    expect(() => digestPages(pages, out.subarray(1), [0, 0])).toThrow(RangeError);
  });
});
