// Memory for pages on their way.
import { PAGE } from './protocol.js';

/** Pages handled at once: on a slow processor each turn costs more than the copying in it. */
export const BATCH = 128;

/** One is being read into, one waits for the connection, one is on its way. */
const COUNT = 3;

interface Slot {
  memory: Buffer;
  gone: Promise<void>;
}

/** Used again and again: memory that is fresh costs a page fault for each page. */
export class Batches {
  readonly #slots: Slot[] = [];
  #next = 0;

  /** Room for {@link BATCH} pages. @throws what the sending of its last content came to */
  async take(): Promise<Buffer> {
    const slot = this.#slots[this.#next] ?? {
      memory: Buffer.allocUnsafeSlow(BATCH * PAGE),
      gone: Promise.resolve(),
    };
    this.#slots[this.#next] = slot;
    await slot.gone;
    return slot.memory;
  }

  /** What was taken last is free again when `gone` is settled. */
  give(gone: Promise<void>): void {
    gone.catch(() => {});
    const slot = this.#slots[this.#next];
    if (slot) slot.gone = gone;
    this.#next = (this.#next + 1) % COUNT;
  }
}
