import { setTimeout as sleep } from 'node:timers/promises';

/** What may be sent at once after a pause, in milliseconds of the rate. */
const BURST_MS = 50;

interface Clock {
  /** Milliseconds from any origin. */
  now(): number;
  sleep(ms: number): Promise<unknown>;
}

/**
 * A brake for a stream: the function it returns is called before bytes are written, and resolves when they may be.
 *
 * @param rate bytes per second
 */
export function limitRate(rate: number, clock: Clock = { now: () => performance.now(), sleep }) {
  // Time at which all that was let through so far would have left at `rate`.
  let paidUntil = Number.NEGATIVE_INFINITY;
  return async (bytes: number): Promise<void> => {
    paidUntil = Math.max(paidUntil, clock.now() - BURST_MS) + (bytes / rate) * 1000;
    const wait = paidUntil - clock.now();
    if (wait > 0) await clock.sleep(wait);
  };
}
