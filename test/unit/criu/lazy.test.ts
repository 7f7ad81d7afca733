import { Duplex, PassThrough } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LazyPages, PAGE, PageFilter, StreamChannel, serveLazyPages } from '../../../src/criu/pages/index.js';
import {
  COMMAND,
  carriesPages,
  encodeHeader,
  PageCommand,
  PageFlags,
  parseHeader,
} from '../../../src/criu/pages/protocol.js';
import { cut } from '../../../src/criu/pages/ranges.js';
import { ExactReader } from '../../../src/criu/pages/reader.js';

const PID = 7;
const ID = (BigInt(PID) << 8n) | 1n;

function pair(): [Duplex, Duplex] {
  const [there, back] = [new PassThrough(), new PassThrough()];
  return [Duplex.from({ readable: back, writable: there }), Duplex.from({ readable: there, writable: back })];
}

const pageOf = (page: number): Buffer => Buffer.alloc(PAGE, (page % 251) + 1);
const pagesOf = (first: number, count: number): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, i) => pageOf(first + i)));

describe('cut', () => {
  it('keeps order and every page, and is right about each', () => {
    const numbers = fc.uniqueArray(fc.integer({ min: 0, max: 40 }), { maxLength: 12 });
    fc.assert(
      fc.property(numbers, fc.nat(20), fc.integer({ min: 1, max: 25 }), (edges, first, length) => {
        const sorted = [...edges].sort((a, b) => a - b);
        const ranges = [];
        for (let i = 0; i + 1 < sorted.length; i += 2)
          ranges.push({ first: sorted[i] as number, end: sorted[i + 1] as number });
        const parts = cut({ first, end: first + length }, ranges);
        let at = first;
        for (const part of parts) {
          expect(part.first).toBe(at);
          for (let page = part.first; page < part.end; page++)
            expect(part.inside).toBe(ranges.some((range) => range.first <= page && page < range.end));
          at = part.end;
        }
        expect(at).toBe(first + length);
      }),
    );
  });
});

describe('pages that are kept back', () => {
  it('are those that CRIU calls lazy and no device has pinned; all others go at once, and as not lazy', async () => {
    const [criu, filterCriu] = pair();
    const [server, filterServer] = pair();
    const lazy = new LazyPages();
    const pinned = [{ first: 130, end: 140 }];
    const memory = { ranges: [], pinned, close: async () => {}, read: async () => Buffer.alloc(0) };
    const round = new PageFilter().round(new StreamChannel(filterCriu), new StreamChannel(filterServer), {
      round: 1,
      last: true,
      lazy,
      untracked: async () => memory,
    });
    const present = PageFlags.present;
    const send = (flags: number, first: number, pages: number, data = Buffer.alloc(0)) =>
      criu.write(
        Buffer.concat([encodeHeader({ command: PageCommand.addFlags, flags, first, pages, id: ID }), data]),
      );
    criu.write(encodeHeader({ command: PageCommand.open2, flags: 0, first: 0, pages: 0, id: ID }));
    send(present | PageFlags.lazy, 0, 200, pagesOf(0, 200));
    send(present, 300, 3, pagesOf(300, 3));
    send(present | PageFlags.lazy, 400, 70, pagesOf(400, 70));
    criu.write(encodeHeader({ command: PageCommand.forceClose, flags: 0, first: 0, pages: 0, id: 0n }));

    const commands = new ExactReader(server);
    const listed: [number, number, number][] = [];
    for (;;) {
      const header = parseHeader((await commands.read(COMMAND)) as Buffer);
      if (header.command === PageCommand.open2) server.write(Buffer.from([0]));
      else if (header.command === PageCommand.forceClose) {
        server.write(Buffer.alloc(4));
        break;
      } else {
        listed.push([header.flags, header.first, header.pages]);
        if (!carriesPages(header)) continue;
        const data = await commands.read(header.pages * PAGE);
        expect(data?.equals(pagesOf(header.first, header.pages))).toBe(true);
      }
    }
    expect(await round).toMatchObject({ pages: 13, lazy: 260, deferrable: 10 });
    expect(listed).toEqual([
      [PageFlags.lazy, 0, 130],
      [present, 130, 10],
      [PageFlags.lazy, 140, 60],
      [present, 300, 3],
      [PageFlags.lazy, 400, 70],
    ]);
    expect(lazy.pages).toBe(260);
    for (const [first, count] of [
      [0, 130],
      [63, 3],
      [140, 60],
      [469, 1],
    ] as const)
      expect(Buffer.concat(lazy.take(PID, first, count)).equals(pagesOf(first, count))).toBe(true);
    expect(Buffer.concat(lazy.take(PID, 125, 100)).length, 'up to the next gap').toBe(5 * PAGE);
    for (const page of [130, 300, 470]) expect(lazy.take(PID, page, 1)).toEqual([]);
    expect(lazy.take(8, 0, 1), 'of another process').toEqual([]);
  });

  it('are only counted in the rounds before the last', async () => {
    const [criu, filterCriu] = pair();
    const [server, filterServer] = pair();
    const round = new PageFilter().round(new StreamChannel(filterCriu), new StreamChannel(filterServer), {
      round: 1,
      last: false,
    });
    const { addFlags, forceClose } = PageCommand;
    const { present, lazy } = PageFlags;
    const run = (flags: number, first: number) =>
      encodeHeader({ command: addFlags, flags, first, pages: 3, id: ID });
    criu.write(Buffer.concat([run(present | lazy, 0), pagesOf(0, 3), run(present, 9), pagesOf(9, 3)]));
    criu.write(encodeHeader({ command: forceClose, flags: 0, first: 0, pages: 0, id: 0n }));
    server.resume();
    server.write(Buffer.alloc(4));
    expect(await round).toMatchObject({ pages: 6, lazy: 0, deferrable: 3 });
  });

  it('are given out as they are asked for, also twice, until nothing is missing', async () => {
    const lazy = new LazyPages();
    lazy.add(PID, 10, pagesOf(10, 64));
    lazy.add(PID, 74, pagesOf(74, 16));
    lazy.add(PID, 200, pagesOf(200, 5));
    const [daemon, engine] = pair();
    const served = serveLazyPages(engine, lazy);
    const answers = new ExactReader(daemon);
    for (const [first, asked, given] of [
      [70, 8, 8],
      [200, 64, 5],
      [10, 80, 80],
      [70, 8, 8],
    ] as const) {
      daemon.write(
        encodeHeader({ command: PageCommand.get, flags: 0, first, pages: asked, id: BigInt(PID) }),
      );
      const header = parseHeader((await answers.read(COMMAND)) as Buffer);
      expect(header).toEqual({
        command: PageCommand.addFlags,
        flags: PageFlags.present,
        first,
        pages: given,
        id: BigInt(PID),
      });
      expect((await answers.read(given * PAGE))?.equals(pagesOf(first, given))).toBe(true);
    }
    expect(lazy.left).toBe(0);
    daemon.write(encodeHeader({ command: PageCommand.forceClose, flags: 0, first: 0, pages: 0, id: 0n }));
    expect((await answers.read(4))?.readInt32LE()).toBe(0);
    expect(await served).toMatchObject({ pages: 101, left: 0 });
  });

  it('are missed when the connection ends, and refused where there are none', async () => {
    const [daemon, engine] = pair();
    const served = serveLazyPages(engine, new LazyPages());
    daemon.end();
    await expect(served).rejects.toMatchObject({ side: 'server' });

    const [other, its] = pair();
    const refused = serveLazyPages(its, new LazyPages());
    other.write(encodeHeader({ command: PageCommand.get, flags: 0, first: 5, pages: 1, id: 7n }));
    await expect(refused).rejects.toMatchObject({
      side: 'memory',
      message: /process 7 has no page at 0x5000/,
    });
  });
});
