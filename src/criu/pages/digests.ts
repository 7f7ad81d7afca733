// What was sent of one memory, page by page, without keeping the pages.
import crypto from 'node:crypto';

/** Bytes kept of a page's digest. Two different pages that share it would be a changed page not sent. */
const DIGEST = 16;
const FREE = -1;
const FIRST_SIZE = 1024;

/** 128 bits of SHA-1: as good as chance allows, and the fastest that every Node.js and processor has. */
export function digestOf(page: Buffer): Buffer {
  return sha1(page).subarray(0, DIGEST);
}

/** Node.js before 20.12 has no function for it, and an object for each page costs as much as the digest. */
const sha1: (page: Buffer) => Buffer =
  crypto.hash === undefined
    ? (page) => crypto.createHash('sha1').update(page).digest()
    : (page) => crypto.hash('sha1', page, 'buffer');

/**
 * Page number -> digest and the round in which CRIU last listed the page.
 *
 * A table with open addressing in flat arrays: a process of 64 GiB has sixteen million pages, too many for a Map.
 */
export class PageDigests {
  #keys = new Float64Array(FIRST_SIZE).fill(FREE);
  #rounds = new Uint32Array(FIRST_SIZE);
  #digests = Buffer.alloc(FIRST_SIZE * DIGEST);
  #used = 0;

  /** Digest of the page if CRIU listed it in that round. */
  get(page: number, round: number): Buffer | undefined {
    const slot = this.#slot(page);
    if (this.#keys[slot] === FREE || this.#rounds[slot] !== round) return undefined;
    return this.#digests.subarray(slot * DIGEST, (slot + 1) * DIGEST);
  }

  set(page: number, digest: Buffer, round: number): void {
    if (this.#used * 2 >= this.#keys.length) this.#grow();
    this.#put(page, digest, round);
  }

  /** The page is listed in this round too, unchanged. */
  keep(page: number, round: number): void {
    const slot = this.#slot(page);
    if (this.#keys[slot] !== FREE) this.#rounds[slot] = round;
  }

  #put(page: number, digest: Buffer, round: number): void {
    const slot = this.#slot(page);
    if (this.#keys[slot] === FREE) this.#used++;
    this.#keys[slot] = page;
    this.#rounds[slot] = round;
    digest.copy(this.#digests, slot * DIGEST, 0, DIGEST);
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
    this.#digests = Buffer.alloc(digests.length * 2);
    this.#used = 0;
    keys.forEach((page, slot) => {
      if (page !== FREE)
        this.#put(page, digests.subarray(slot * DIGEST, (slot + 1) * DIGEST), rounds[slot] ?? 0);
    });
  }
}
