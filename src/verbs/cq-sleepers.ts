import type { ChannelCore } from './channel.js';

/** Those who wait for an event of a CQ only, and poll by themselves. */
export class Sleepers {
  readonly #wakes = new Set<() => void>();

  /** Resolves when it is woken or the signal is aborted; at once when it was aborted before. */
  async sleep(channel: ChannelCore, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      const end = () => {
        this.#wakes.delete(end);
        signal.removeEventListener('abort', end);
        channel.unwait();
        resolve();
      };
      channel.wait();
      this.#wakes.add(end);
      signal.addEventListener('abort', end, { once: true });
    });
  }

  wake(): void {
    for (const wake of [...this.#wakes]) wake();
  }
}
