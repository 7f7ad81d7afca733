// Pages that come later, between a daemon that asks as CRIU's does and the memory that was kept back.
import { Duplex, PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LazyPages, PAGE, relayLazyPages, serveLazyPages } from '../../../src/criu/pages/index.js';
import { COMMAND, encodeHeader, PageCommand, parseHeader } from '../../../src/criu/pages/protocol.js';
import { ExactReader } from '../../../src/criu/pages/reader.js';

/** Of the first process; the second has the same numbers with other content. */
const RUNS = [
  [10, 64],
  [74, 16],
  [200, 5],
  [300, 70],
] as const;
const PIDS = [7, 8];

function pair(): [Duplex, Duplex] {
  const [there, back] = [new PassThrough(), new PassThrough()];
  return [Duplex.from({ readable: back, writable: there }), Duplex.from({ readable: there, writable: back })];
}

const pageOf = (pid: number, page: number): Buffer => Buffer.alloc(PAGE, ((page * pid) % 251) + 1);

function memory(): LazyPages {
  const lazy = new LazyPages();
  for (const pid of PIDS)
    for (const [first, count] of RUNS)
      lazy.add(pid, first, Buffer.concat(Array.from({ length: count }, (_, i) => pageOf(pid, first + i))));
  return lazy;
}

/** Asks, and looks at every byte of the answers, which come in any order. */
class Daemon {
  readonly #answers: ExactReader;
  constructor(private readonly stream: Duplex) {
    this.#answers = new ExactReader(stream);
  }

  ask(pid: number, first: number, pages: number): void {
    this.stream.write(encodeHeader({ command: PageCommand.get, flags: 0, first, pages, id: BigInt(pid) }));
  }

  /** @returns the first page and the number of pages */
  async hear(): Promise<{ pid: number; first: number; pages: number }> {
    const { id, first, pages } = parseHeader((await this.#answers.read(COMMAND)) as Buffer);
    for (let page = first; page < first + pages; page++)
      expect((await this.#answers.read(PAGE))?.equals(pageOf(Number(id), page)), `page ${page}`).toBe(true);
    return { pid: Number(id), first, pages };
  }

  async close(): Promise<void> {
    const command = PageCommand.forceClose;
    this.stream.write(encodeHeader({ command, flags: 0, first: 0, pages: 0, id: 0n }));
    expect((await this.#answers.read(4))?.readInt32LE()).toBe(0);
    this.stream.end();
  }
}

function start(window?: number) {
  const [theirs, ours] = pair();
  const [source, engine] = pair();
  const relayed = relayLazyPages(ours, source, window === undefined ? {} : { window });
  return { daemon: new Daemon(theirs), relayed, served: serveLazyPages(engine, memory()), stream: theirs };
}

const request = fc.constantFrom(...PIDS).chain((pid) =>
  fc.constantFrom(...RUNS).chain(([first, count]) =>
    fc.nat(count - 1).chain((at) =>
      fc.record({
        pid: fc.constant(pid),
        first: fc.constant(first + at),
        pages: fc.integer({ min: 1, max: count - at }),
      }),
    ),
  ),
);

describe('pages that come later', () => {
  it('are what they were, whatever is asked for and in whichever order, with any window', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(request, { maxLength: 30 }),
        fc.integer({ min: 1, max: 400 }),
        async (requests, window) => {
          const { daemon, relayed, served } = start(window);
          for (const wanted of requests) {
            // Until it has all of it, as CRIU does; a page may have come before, and is asked for again.
            for (let { first, pages } = wanted; pages > 0; ) {
              daemon.ask(wanted.pid, first, pages);
              const got = await daemon.hear();
              expect(got).toMatchObject({ pid: wanted.pid, first });
              first += got.pages;
              pages -= got.pages;
            }
          }
          await daemon.close();
          await Promise.all([served, relayed]);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('are answered when several are asked for at once', async () => {
    const { daemon, relayed } = start(4);
    const asked = RUNS.flatMap(([first]) => PIDS.map((pid) => `${pid}:${first}`));
    for (const [first] of RUNS) for (const pid of PIDS) daemon.ask(pid, first, 1);
    const heard: string[] = [];
    for (const _ of asked) {
      const { pid, first } = await daemon.hear();
      heard.push(`${pid}:${first}`);
    }
    expect(heard.toSorted()).toEqual(asked.toSorted());
    await daemon.close();
    await relayed;
  });

  it('come unasked, and no more of them than was said', async () => {
    const [, ours] = pair();
    const [source, engine] = pair();
    let came = 0;
    source.on('data', ({ length }: Buffer) => {
      came += length;
    });
    void serveLazyPages(engine, memory()).catch(() => {});
    void ours;
    source.write(encodeHeader({ command: PageCommand.push, flags: 0, pages: 20, first: 0, id: 0n }));
    await sleep(50);
    expect(came).toBeGreaterThanOrEqual(20 * PAGE);
    expect(came).toBeLessThan(40 * PAGE);
  });

  it('come only when asked for before the beginning', async () => {
    const [theirs, ours] = pair();
    const [source, engine] = pair();
    let resolve = () => {};
    const begin = new Promise<void>((done) => {
      resolve = done;
    });
    const relayed = relayLazyPages(ours, source, { begin });
    const said = new ExactReader(engine);
    const next = said.read(COMMAND);
    const daemon = new Daemon(theirs);
    daemon.ask(7, 10, 1);
    expect(parseHeader((await next) as Buffer).command).toBe(PageCommand.get);
    resolve();
    expect(parseHeader((await said.read(COMMAND)) as Buffer).command).toBe(PageCommand.push);
    engine.end();
    await relayed;
  });

  it('end with the source', async () => {
    const [, ours] = pair();
    const [source, engine] = pair();
    const relayed = relayLazyPages(ours, source);
    engine.end(Buffer.alloc(7));
    await expect(relayed).rejects.toThrow('ended in the middle');
  });
});
