// Programs that asked to be told of their migration (`context.onBeforeDump()`) are told, and given some time.
import { setTimeout as sleep } from 'node:timers/promises';
import { lives } from './proc.js';
import { withContexts } from './rdma.js';

const POLL_MS = 20;

/**
 * Tells the given processes that they are about to be moved, and waits until those that want to prepare have
 * done so, or for `timeoutMs`.
 *
 * @returns the processes that are not ready
 */
export function announceMove(pids: number[], timeoutMs: number, signal?: AbortSignal): Promise<number[]> {
  return withContexts(pids, async (contexts) => {
    let waiting = contexts.filter((context) => context.announce('move'));
    for (const deadline = performance.now() + timeoutMs; waiting.length > 0; await sleep(POLL_MS)) {
      waiting = waiting.filter((context) => context.announce('nothing'));
      // The descriptors here outlive a process that ends instead.
      const alive = new Map<number, boolean>();
      for (const { pid } of waiting) alive.set(pid, alive.get(pid) ?? (await lives(pid)));
      waiting = waiting.filter(({ pid }) => alive.get(pid));
      if (performance.now() > deadline || signal?.aborted) break;
    }
    return [...new Set(waiting.map(({ pid }) => pid))];
  });
}

/** Tells them that they stay. */
export function announceStay(pids: number[]): Promise<void> {
  return withContexts(pids, (contexts) => {
    for (const context of contexts) context.announce('stay');
  });
}
