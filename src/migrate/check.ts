import type { AgentClient } from './agent/client.js';
import { errorsOf } from './findings.js';
import { inspect, subjectOf } from './inspect.js';
import type { CheckReport, InspectOptions } from './types.js';

/**
 * Tells every reason why {@link migrate} would refuse to begin, and what else there is to know; nothing is stopped or changed.
 *
 * @throws RoamError NOT_ROOT; and when there is no such process, or no way to the destination
 */
export async function check(options: InspectOptions): Promise<CheckReport> {
  let agent: AgentClient | undefined;
  try {
    const { source, destination, findings, missingFiles, peers } = await inspect(options, (connected) => {
      agent = connected;
    });
    return {
      ok: errorsOf(findings).length === 0,
      ...subjectOf(options.target, { source, destination }),
      findings,
      memory: source.memory,
      contexts: source.rdma.contexts,
      qpns: source.rdma.qpns,
      connections: source.connections.length,
      carried: missingFiles,
      peers: peers.map(({ keyId, goneQpns, ...peer }) => peer),
    };
  } finally {
    await agent?.close();
  }
}
