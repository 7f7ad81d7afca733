// Both hosts and the process, looked at before anything is stopped.
import { AgentClient } from './agent/client.js';
import type { Way } from './agent/transport.js';
import { oneFloating } from './floats.js';
import { leftoverFindings } from './leftovers.js';
import { floatingAddresses } from './movables.js';
import { isManaged } from './oci/container.js';
import { type PreflightResult, preflight } from './preflight.js';
import { readSource, type SourceFacts } from './source.js';
import { syncPaths } from './sync.js';
import { resolveTarget } from './target.js';
import type { InspectOptions, MoveSubject } from './types.js';
import { wayOf } from './way.js';

const DEFAULT_CARRY_LIMIT = 64 * 1024 * 1024;

export interface Inspected extends PreflightResult {
  source: SourceFacts;
  agent: AgentClient;
  /** To the destination. */
  way: Way;
  criu: string;
  carryLimit: number;
  /** Paths for rsync, in normal form. */
  sync: string[];
}

/**
 * Connects to the destination and judges whether the process could move there.
 *
 * @param keep Is given the connection as soon as there is one, to close it whatever happens.
 * @throws RoamError NOT_ROOT; and when there is no such process, or no way to the destination
 */
export async function inspect(
  options: InspectOptions,
  keep: (agent: AgentClient) => void,
): Promise<Inspected> {
  const { criu = 'criu' } = options;
  const way = wayOf(options);
  const { tcpClose = false, postCopy = false, peers = [], compress = 'auto', copyImage = false } = options;
  const carryLimit = options.carryLimit ?? DEFAULT_CARRY_LIMIT;
  const { pid, container } = await resolveTarget(options.target);
  const isRunc = container !== undefined && !isManaged(container);
  const ip =
    options.ip === 'auto' ? oneFloating(options.target, await floatingAddresses(pid, isRunc)) : options.ip;
  const sync = await syncPaths(options.sync ?? []);
  const connecting = AgentClient.connect(way).then((agent) => {
    keep(agent);
    return agent;
  });
  // Both are awaited whatever becomes of the other, so that no connection is forgotten.
  const [read, connected] = await Promise.allSettled([readSource(pid, ip, criu, container), connecting]);
  if (read.status === 'rejected') throw read.reason;
  if (connected.status === 'rejected') throw connected.reason;
  const [source, agent] = [read.value, connected.value];
  const peerHosts = peers.map((host) => ({ ...way, host }));
  const result = await preflight(source, agent, {
    tcpClose,
    carryLimit,
    sync,
    postCopy,
    peerHosts,
    compress,
    copyImage,
    ...(options.ipDevice ? { ipDevice: options.ipDevice } : {}),
  });
  const findings = [...(await leftoverFindings(pid, source.hostname)), ...result.findings];
  return { ...result, findings, source, agent, way, criu, carryLimit, sync };
}

export function subjectOf(
  target: string,
  { source, destination }: Pick<Inspected, 'source' | 'destination'>,
): MoveSubject {
  return {
    target,
    pid: source.pid,
    pids: source.pids,
    comm: source.tasks[0]?.comm ?? '',
    source: source.hostname,
    destination: destination.hostname,
    versions: { source: source.host.versions, destination: destination.versions },
  };
}
