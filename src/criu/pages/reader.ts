// Exact amounts of bytes from a stream.
import type { Readable } from 'node:stream';

/** Reads a stream in pieces of known length, each only when asked for: the sender waits meanwhile. */
export class ExactReader {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(stream: Readable) {
    this.#chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  /**
   * The next `length` bytes; undefined when the stream has ended before the first of them.
   *
   * @throws Error when it ends in the middle
   */
  async read(length: number): Promise<Buffer | undefined> {
    if (this.#rest.length === 0 && !(await this.#more())) return undefined;
    if (this.#rest.length >= length) return this.#take(length);
    const parts: Buffer[] = [];
    let missing = length;
    while (missing > 0) {
      if (this.#rest.length === 0 && !(await this.#more())) throw new Error('the stream ended in the middle');
      const part = this.#take(Math.min(missing, this.#rest.length));
      missing -= part.length;
      parts.push(part);
    }
    return Buffer.concat(parts);
  }

  /** Some of the next bytes, `most` at most; undefined when the stream has ended. */
  async some(most: number): Promise<Buffer | undefined> {
    if (this.#rest.length === 0 && !(await this.#more())) return undefined;
    return this.#take(Math.min(most, this.#rest.length));
  }

  #take(length: number): Buffer {
    const part = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    return part;
  }

  async #more(): Promise<boolean> {
    const { done, value } = await this.#chunks.next();
    if (done) return false;
    this.#rest = value;
    return this.#rest.length > 0 || this.#more();
  }
}
