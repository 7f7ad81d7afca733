// The processes at the destination, as they are known there.
import type { AgentClient } from './agent/client.js';
import type { Frozen } from './frozen.js';
import { type ContainerOrder, orderOf } from './oci/restore.js';
import { type SourceFacts, stoppedBefore } from './source.js';

export interface Copy {
  /** Number of verbs contexts. */
  contexts: number;
  /** By their numbers there: those of a container differ from those at the source. */
  pids: number[];
  /** Those that were stopped before the move, and stay so. */
  stopped: number[];
}

/** Restores what was frozen, stopped. @throws RoamError with the reason of CRIU or of runc */
export async function restoreCopy(
  agent: AgentClient,
  source: SourceFacts,
  { contexts, pids }: Frozen,
  options: { tcpClose: boolean; lazy: boolean },
  managed: Pick<ContainerOrder, 'docker' | 'podman'> = {},
): Promise<Copy> {
  const { shellJob, container } = source;
  const stopped = stoppedBefore(source);
  const order = container && { container: { ...(await orderOf(container, source, stopped)), ...managed } };
  const { copy } = await agent.request('restore', { shellJob, ...options, pids, ...order });
  return { contexts, pids, stopped, ...copy };
}
