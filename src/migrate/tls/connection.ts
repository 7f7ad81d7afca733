// What is done with a connection of TLS once it is known whose it is.
import { Duplex } from 'node:stream';
import type { Connection } from '../../criu/pages/index.js';

/** Bytes that are passed on at once, at most. */
const PIECE = 512 * 1024;

/** Of a stream of requests: little, and often. */
const SMALL_PIECE = 64 * 1024;

/**
 * Reads the first line and leaves what follows.
 *
 * @throws Error when the connection ends before it, or it is longer than `longest` bytes
 */
export async function firstLineOf(channel: Connection, longest: number): Promise<string> {
  const line: number[] = [];
  const byte = Buffer.alloc(1);
  while (await channel.fill(byte)) {
    const [value = 0] = byte;
    if (value === 0x0a) return Buffer.from(line).toString();
    line.push(value);
    if (line.length > longest) throw new Error('the order is too long');
  }
  throw new Error('the connection ended before its order');
}

/** Passes on what comes, and the end of it. @throws Error when either is lost */
export async function pass(from: Connection, to: Connection): Promise<void> {
  const piece = Buffer.allocUnsafeSlow(PIECE);
  for (let count = await from.some(piece); count > 0; count = await from.some(piece))
    await to.write(piece.subarray(0, count));
  await to.end();
}

/** Both ways; closes both when either is lost, or both have ended. Never throws: neither end takes it for a whole one. */
export async function relay(one: Connection, other: Connection): Promise<void> {
  await Promise.all([pass(one, other), pass(other, one)]).catch(() => {});
  one.close();
  other.close();
}

/** A connection for what speaks by streams. An end of it that was not said is an error. */
export class ConnectionStream extends Duplex {
  readonly #piece = Buffer.allocUnsafeSlow(SMALL_PIECE);

  /** @param channel belongs to the stream from here on */
  constructor(
    private readonly channel: Connection,
    options: { allowHalfOpen: boolean },
  ) {
    super(options);
    this.on('error', () => {});
  }

  override _read(): void {
    this.channel.some(this.#piece).then(
      (count) => this.push(count > 0 ? Buffer.from(this.#piece.subarray(0, count)) : null),
      (error) => this.destroy(error),
    );
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error) => void): void {
    this.channel.write(chunk).then(() => done(), done);
  }

  override _final(done: (error?: Error) => void): void {
    this.channel.end().then(() => done(), done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.channel.close();
    done(error);
  }
}
