// What was sent of one memory, page by page, without keeping the pages.
import { randomBytes } from 'node:crypto';
import xxhash from 'xxhash-wasm';

const FREE = -1;
const FIRST_SIZE = 1024;

/**
 * Digest of a page. A page that changed to one with the same digest would not be sent: one chance in 2^64 for
 * each change. The seed is new for each migration, so that nobody can write pages for which it is more.
 */
export type Digest = (page: Uint8Array) => bigint;

export async function makeDigest(): Promise<Digest> {
  const { h64Raw } = await xxhash();
  const seed = randomBytes(8).readBigUInt64LE();
  return (page) => h64Raw(page, seed);
}

/**
 * Page number -> digest and the round in which CRIU last listed the page.
 *
 * A table with open addressing in flat arrays: a process of 64 GiB has sixteen million pages, too many for a Map.
 */
export class PageDigests {
  #keys = new Float64Array(FIRST_SIZE).fill(FREE);
  #rounds = new Uint32Array(FIRST_SIZE);
  #digests = new BigUint64Array(FIRST_SIZE);
  #used = 0;

  /** Digest of the page if CRIU listed it in that round. */
  get(page: number, round: number): bigint | undefined {
    const slot = this.#slot(page);
    if (this.#keys[slot] === FREE || this.#rounds[slot] !== round) return undefined;
    return this.#digests[slot];
  }

  set(page: number, digest: bigint, round: number): void {
    if (this.#used * 2 >= this.#keys.length) this.#grow();
    this.#put(page, digest, round);
  }

  /** The page is listed in this round too, unchanged. */
  keep(page: number, round: number): void {
    const slot = this.#slot(page);
    if (this.#keys[slot] !== FREE) this.#rounds[slot] = round;
  }

  #put(page: number, digest: bigint, round: number): void {
    const slot = this.#slot(page);
    if (this.#keys[slot] === FREE) this.#used++;
    this.#keys[slot] = page;
    this.#rounds[slot] = round;
    this.#digests[slot] = digest;
  }

  /** Where the page is, or would be. The table is never full. */
  #slot(page: number): number {
    const mask = this.#keys.length - 1;
    let slot = (Math.imul(page | 0, 0x9e3779b1) >>> 7) & mask;
    while (this.#keys[slot] !== FREE && this.#keys[slot] !== page) slot = (slot + 1) & mask;
    return slot;
  }

  #grow(): void {
    const [keys, rounds, digests] = [this.#keys, this.#rounds, this.#digests];
    this.#keys = new Float64Array(keys.length * 2).fill(FREE);
    this.#rounds = new Uint32Array(keys.length * 2);
    this.#digests = new BigUint64Array(keys.length * 2);
    this.#used = 0;
    keys.forEach((page, slot) => {
      if (page !== FREE) this.#put(page, digests[slot] ?? 0n, rounds[slot] ?? 0);
    });
  }
}
