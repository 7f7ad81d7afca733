// Frames over a connection for data, both ways.
import type { ByteChannel } from '../../criu/pages/channel.js';
import { decompress } from '../../sys/index.js';
import type { Chooser } from './chooser.js';
import { BLOCK, FrameKind, HEADER, parseFrame } from './frames.js';
import { FrameSender, type SenderOptions } from './sender.js';

/**
 * Ends only by the other side's word. A connection that ends without it is an error, so that half a stream is never
 * taken for a whole one.
 */
export class FrameChannel {
  readonly #sender: FrameSender;
  #sending: Promise<void> = Promise.resolve();
  readonly #header = Buffer.allocUnsafe(HEADER);
  #block?: Buffer;

  /** @param channel belongs to this one from here on */
  constructor(
    private readonly channel: ByteChannel,
    options: SenderOptions = {},
  ) {
    this.#sender = new FrameSender(channel, options);
  }

  get chooser(): Chooser {
    return this.#sender.chooser;
  }

  /** Resolves when there is room for more: one call after the other. @throws Error when the connection is closed */
  send(parts: Buffer[]): Promise<void> {
    return this.#sender.send(parts);
  }

  /** In the order of the calls. Resolves when the parts may change. @throws Error when the connection is closed */
  write(...parts: Buffer[]): Promise<void> {
    const sent = this.#sending.then(() => this.send(parts));
    this.#sending = sent.catch(() => {});
    return sent.then(() => this.#sender.written);
  }

  /** Nothing more is sent; answers to marks are. */
  end(): Promise<void> {
    return this.#sender.end();
  }

  /**
   * Gives all that comes to `sink`, which may keep none of it, and resolves at the other side's end.
   *
   * @throws Error when the connection is lost, and what `sink` throws
   */
  async receive(sink: (part: Buffer) => Promise<void>): Promise<void> {
    for (;;) {
      if (!(await this.#fill(this.#header))) throw lost();
      const { kind, length, content } = parseFrame(this.#header);
      if (kind === FrameKind.mark) this.#sender.answer();
      else if (kind === FrameKind.reached) this.#sender.reached();
      else if (kind === FrameKind.end) return;
      else {
        this.#block ??= Buffer.allocUnsafeSlow(BLOCK);
        const block = this.#block.subarray(0, length);
        if (!(await this.#fill(block))) throw lost();
        await sink(kind === FrameKind.zstd ? await decompress(block, content) : block);
      }
    }
  }

  /** Answers to marks that come after the other side's end. */
  async drain(): Promise<void> {
    while (await this.#fill(this.#header)) {
      if (parseFrame(this.#header).kind === FrameKind.reached) this.#sender.reached();
    }
  }

  /** Idempotent. */
  close(): void {
    this.channel.close();
    this.#sender.closed();
  }

  #fill(bytes: Buffer): Promise<boolean> {
    return bytes.length === 0 ? Promise.resolve(true) : this.channel.fill(bytes).catch(() => false);
  }
}

export const lost = (): Error => new Error('the connection was lost');
