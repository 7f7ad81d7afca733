// After the process runs at the destination: its peers have to say that they know where it is.
import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentClient } from './agent/client.js';

const DEFAULT_TIMEOUT_MS = 30_000;
const POLL_MS = 100;

/**
 * Resolves when every peer has acknowledged Resume, or with the QPNs that still wait when the time is over: a
 * peer that does not is reported, not waited for without end.
 */
export async function unsettledQps(
  agent: AgentClient,
  pids: number[],
  timeoutMs = DEFAULT_TIMEOUT_MS,
): Promise<number[]> {
  for (const deadline = performance.now() + timeoutMs; ; await sleep(POLL_MS)) {
    const waiting = await agent.request('resuming', { pids });
    if (waiting.length === 0 || performance.now() > deadline) return waiting;
  }
}
