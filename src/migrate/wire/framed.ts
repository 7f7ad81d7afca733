// A stream over a connection for data: what is written may be compressed, what is read is as it was written.
import { Duplex } from 'node:stream';
import type { ByteChannel } from '../../criu/pages/channel.js';
import type { Chooser } from './chooser.js';
import { FrameChannel } from './frame-channel.js';
import { BLOCK } from './frames.js';
import type { SenderOptions } from './sender.js';

/** Bytes that are taken before whoever writes has to wait: enough blocks for two compressors. */
const TAKEN = 1024 * 1024;

/** A {@link FrameChannel} for what speaks by streams, such as tar. */
export class FramedStream extends Duplex {
  readonly #frames: FrameChannel;
  /** Whoever reads wants more. */
  #wanted?: () => void;

  /** @param channel belongs to the stream from here on */
  constructor(channel: ByteChannel, options: SenderOptions = {}) {
    super({ allowHalfOpen: true, writableHighWaterMark: TAKEN, readableHighWaterMark: BLOCK });
    this.#frames = new FrameChannel(channel, options);
    // What was wrong shows where it is used: its end is an error there.
    this.on('error', () => {});
    this.#receive().catch((error: Error) => this.destroy(error));
  }

  get chooser(): Chooser {
    return this.#frames.chooser;
  }

  override _read(): void {
    this.#wanted?.();
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error) => void): void {
    this.#frames.send([chunk]).then(() => done(), done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error) => void): void {
    this.#frames.send(chunks.map(({ chunk }) => chunk)).then(() => done(), done);
  }

  override _final(done: (error?: Error) => void): void {
    // The connection stays open both ways: answers to marks are still to come.
    this.#frames.end().then(
      () => done(),
      () => done(),
    );
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#wanted?.();
    this.#frames.close();
    done(error);
  }

  async #receive(): Promise<void> {
    await this.#frames.receive(async (part) => {
      const kept = Buffer.from(part);
      if (this.destroyed || this.push(kept)) return;
      await new Promise<void>((resolve) => {
        this.#wanted = resolve;
      });
    });
    this.push(null);
    await this.#frames.drain();
    // What has come may still wait to be read; nobody waits for room any more.
    this.#frames.close();
  }
}
