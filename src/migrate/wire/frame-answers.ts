// A connection on which much is written, and little comes back.
import type { ByteChannel } from '../../criu/pages/channel.js';
import { FrameChannel, lost } from './frame-channel.js';
import type { SenderOptions } from './sender.js';

/** Bytes that may wait to be read. A page server's answers are of one or four. */
const MOST_WAITING = 64 * 1024;

/** What a round of pages takes for its page server. */
export class AnsweredFrames implements ByteChannel {
  readonly #frames: FrameChannel;
  #come: Buffer = Buffer.alloc(0);
  #ended = false;
  #more?: () => void;

  /** @param channel belongs to this one from here on */
  constructor(channel: ByteChannel, options: SenderOptions) {
    this.#frames = new FrameChannel(channel, options);
    const ended = () => {
      this.#ended = true;
      this.#more?.();
    };
    this.#frames.receive((part) => this.#take(part)).then(ended, ended);
  }

  async fill(bytes: Buffer): Promise<boolean> {
    while (this.#come.length < bytes.length) {
      if (this.#ended) {
        if (this.#come.length === 0) return false;
        throw lost();
      }
      await new Promise<void>((resolve) => {
        this.#more = resolve;
      });
    }
    this.#come.copy(bytes);
    this.#come = this.#come.subarray(bytes.length);
    return true;
  }

  write(...parts: Buffer[]): Promise<void> {
    return this.#frames.write(...parts);
  }

  close(): void {
    this.#frames.close();
  }

  async #take(part: Buffer): Promise<void> {
    this.#come = Buffer.concat([this.#come, part]);
    this.#more?.();
    if (this.#come.length > MOST_WAITING) throw new Error('the page server says more than it was asked');
  }
}
