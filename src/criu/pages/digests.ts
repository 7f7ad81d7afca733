// What was sent of one memory, page by page, without keeping the pages.
import { randomBytes } from 'node:crypto';
import xxhash from 'xxhash-wasm';
import { digestPages } from '../../sys/index.js';
import { BATCH } from './batches.js';
import { PAGE } from './protocol.js';

/**
 * XXH64 of each page, as two words (low, high), which the next call overwrites. A page that changed to one with the same
 * digest would not be sent: one chance in 2^64 for each change. The seed is new for each migration, so that nobody can
 * write pages for which it is more.
 */
export type Digest = (pages: Buffer) => Uint32Array;

/** By the system's libxxhash, else by a build of it in WebAssembly, which copies each page first. */
export async function makeDigest(): Promise<Digest> {
  const seed = randomBytes(8);
  const words = [seed.readUInt32LE(0), seed.readUInt32LE(4)] as const;
  const out = new Uint32Array(BATCH * 2);
  if (digestPages(Buffer.alloc(0), out, words))
    return (pages) => {
      digestPages(pages, out, words);
      return out;
    };
  return makeSlowDigest(seed);
}

/** The same digests without the library. */
export async function makeSlowDigest(seed: Buffer): Promise<Digest> {
  const { h64Raw } = await xxhash();
  const number = seed.readBigUInt64LE();
  const values = new BigUint64Array(BATCH);
  const out = new Uint32Array(values.buffer);
  return (pages) => {
    for (let i = 0; i * PAGE < pages.length; i++)
      values[i] = h64Raw(pages.subarray(i * PAGE, (i + 1) * PAGE), number);
    return out;
  };
}

/** Pages of one piece of the table. */
const SPAN = 512;

interface Piece {
  rounds: Uint32Array;
  words: Uint32Array;
}

/** Page number -> digest and the round in which CRIU last listed the page; rounds count from 1. */
export class PageDigests {
  readonly #pieces = new Map<number, Piece>();
  /** The piece of the last page: pages come in order. */
  #number = -1;
  #piece?: Piece;

  /** Whether CRIU listed the page in that round. */
  has(page: number, round: number): boolean {
    return round > 0 && this.#find(page)?.rounds[page % SPAN] === round;
  }

  /** Whether the page, which was listed, had the digest `index` of `digests`. */
  is(page: number, digests: Uint32Array, index: number): boolean {
    const words = this.#find(page)?.words;
    const at = (page % SPAN) * 2;
    return words?.[at] === digests[index * 2] && words?.[at + 1] === digests[index * 2 + 1];
  }

  set(page: number, digests: Uint32Array, index: number, round: number): void {
    const { rounds, words } = this.#find(page) ?? this.#add(page);
    const at = page % SPAN;
    rounds[at] = round;
    words[at * 2] = digests[index * 2] as number;
    words[at * 2 + 1] = digests[index * 2 + 1] as number;
  }

  /** The page is listed in this round too, unchanged. */
  keep(page: number, round: number): void {
    const rounds = this.#find(page)?.rounds;
    if (rounds?.[page % SPAN]) rounds[page % SPAN] = round;
  }

  #find(page: number): Piece | undefined {
    const number = Math.floor(page / SPAN);
    if (number !== this.#number) {
      this.#number = number;
      this.#piece = this.#pieces.get(number);
    }
    return this.#piece;
  }

  #add(page: number): Piece {
    const piece = { rounds: new Uint32Array(SPAN), words: new Uint32Array(SPAN * 2) };
    this.#number = Math.floor(page / SPAN);
    this.#piece = piece;
    this.#pieces.set(this.#number, piece);
    return piece;
  }
}
