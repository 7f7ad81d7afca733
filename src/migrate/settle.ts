// After the process runs at the destination: its peers have to say that they know where it is.
import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentClient } from './agent/client.js';
import type { Phases } from './phases.js';
import type { Copy } from './restore.js';

const DEFAULT_TIMEOUT_MS = 30_000;
const POLL_MS = 100;

/**
 * Waits until every peer has acknowledged Resume. One that does not in time is told of, not waited for without
 * end.
 */
export async function settle(
  agent: AgentClient,
  { contexts, pids }: Copy,
  phases: Phases,
  timeoutMs = DEFAULT_TIMEOUT_MS,
): Promise<void> {
  if (contexts === 0) return;
  for (const deadline = performance.now() + timeoutMs; ; await sleep(POLL_MS)) {
    const waiting = await agent.request('resuming', { pids });
    if (waiting.length === 0) return;
    if (performance.now() < deadline) continue;
    const qpns = waiting.join(', ');
    phases.warn(`no acknowledgement of Resume yet for QP ${qpns}: their peers are unreachable or gone`);
    return;
  }
}
