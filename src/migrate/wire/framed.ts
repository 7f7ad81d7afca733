// A stream over a connection for data: what is written may be compressed, what is read is as it was written.
import { Duplex } from 'node:stream';
import { ExactReader } from '../../criu/pages/reader.js';
import { decompress } from '../../sys/index.js';
import type { Chooser } from './chooser.js';
import { BLOCK, encodeFrame, FrameKind, HEADER, parseFrame } from './frames.js';
import { FrameSender, type SenderOptions } from './sender.js';

/** Bytes that are taken before whoever writes has to wait: enough blocks for two compressors. */
const TAKEN = 1024 * 1024;

/**
 * Ends only by the other side's word. A connection that ends without it is an error, so that half a stream is never
 * taken for a whole one.
 */
export class FramedStream extends Duplex {
  readonly #sender: FrameSender;
  /** Whoever reads wants more. */
  #wanted?: () => void;
  #ended = false;

  /** @param socket belongs to the stream from here on */
  constructor(
    private readonly socket: Duplex,
    options: SenderOptions = {},
  ) {
    super({ allowHalfOpen: true, writableHighWaterMark: TAKEN, readableHighWaterMark: BLOCK });
    this.#sender = new FrameSender(socket, options);
    // What was wrong shows where it is used: its end is an error there.
    this.on('error', () => {});
    socket.on('error', () => {});
    socket.once('close', () => {
      this.#sender.closed();
      // Where it ended in order, what has come of it may still wait to be read.
      if (socket.readableAborted) this.destroy(this.#ended ? undefined : lost());
    });
    this.#receive().catch((error: Error) => this.destroy(error));
  }

  get chooser(): Chooser {
    return this.#sender.chooser;
  }

  override _read(): void {
    this.#wanted?.();
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error) => void): void {
    this.#sender.send([chunk]).then(() => done(), done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error) => void): void {
    this.#sender.send(chunks.map(({ chunk }) => chunk)).then(() => done(), done);
  }

  override _final(done: (error?: Error) => void): void {
    // The connection stays open both ways: answers to marks are still to come.
    this.socket.write(encodeFrame({ kind: FrameKind.end, length: 0, content: 0 }), () => done());
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#wanted?.();
    this.socket.destroy();
    this.#sender.closed();
    done(error);
  }

  async #receive(): Promise<void> {
    const reader = new ExactReader(this.socket);
    for (;;) {
      const bytes = await reader.read(HEADER).catch(() => undefined);
      if (!bytes) {
        if (this.#ended) return;
        throw lost();
      }
      const { kind, length, content } = parseFrame(bytes);
      if (kind === FrameKind.mark) this.#sender.answer();
      else if (kind === FrameKind.reached) this.#sender.reached();
      else if (kind === FrameKind.end) {
        this.#ended = true;
        this.push(null);
      } else if (kind === FrameKind.plain) {
        for (let left = length; left > 0; ) {
          const part = await reader.some(left);
          if (!part) throw lost();
          left -= part.length;
          await this.#give(part);
        }
      } else {
        const block = await reader.read(length);
        if (!block) throw lost();
        await this.#give(await decompress(block, content));
      }
    }
  }

  async #give(part: Buffer): Promise<void> {
    if (this.destroyed || this.push(part)) return;
    await new Promise<void>((resolve) => {
      this.#wanted = resolve;
    });
  }
}

const lost = (): Error => new Error('the connection was lost');
