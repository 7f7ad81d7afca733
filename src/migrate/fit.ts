// Questions to the destination whose answers depend on this process.
import type { AgentClient } from './agent/client.js';
import { clock } from './agent/facts.js';
import { reach } from './agent/reach.js';
import type { Space } from './agent/space.js';
import type { Way } from './agent/transport.js';
import { type AskedHost, askPeerHosts, canBeAsked, type PeerReach } from './peers.js';
import type { SourceFacts } from './source.js';

export interface Fit {
  /** What the processors of the destination lack; null: nothing; undefined: CRIU cannot compare them. */
  lackingCpu?: string | null;
  clock: ClockDifference;
  /** The destination's network device towards each peer; null: no route. */
  peers: { ip: string; dev: string | null }[];
  /** Whether those answer that can be asked. */
  reach: PeerReach[];
  /** Hosts that were named as hosts of peers. */
  asked: AskedHost[];
  /** Files that would be carried along, and the room where they would go. */
  carried: ({ bytes: number } & Space)[];
}

export interface ClockDifference {
  /** Destination minus source, in milliseconds. */
  wall: number;
  monotonic: number;
  /** How exact both are. */
  error: number;
}

/** @param carried Files that the destination lacks. @param peerHosts Hosts that may have peers. */
export async function askFit(
  source: SourceFacts,
  agent: AgentClient,
  carried: string[],
  peerHosts: Way[],
): Promise<Fit> {
  const { cpu, rdma, files } = source;
  const travelling = files.files.filter(({ path, writable }) => writable || carried.includes(path));
  const difference = await clockDifference(agent);
  const asked = source.rdma.peers.filter(canBeAsked);
  const none = asked.length === 0;
  const [lackingCpu, devices, space, here, there, hosts] = await Promise.all([
    cpu === undefined ? undefined : agent.request('cpu', { description: cpu }),
    rdma.peers.length > 0 ? agent.request('routes', { addresses: rdma.peers }) : [],
    travelling.length > 0 ? agent.request('space', { paths: travelling.map(({ path }) => path) }) : [],
    reach(asked),
    none ? [] : agent.request('reach', { addresses: asked }),
    askPeerHosts(peerHosts),
  ]);
  return {
    ...(lackingCpu === undefined ? {} : { lackingCpu }),
    clock: difference,
    peers: rdma.peers.map((ip, i) => ({ ip, dev: devices[i] ?? null })),
    reach: asked.map((ip, i) => ({ ip, here: here[i], there: there[i] })),
    asked: hosts,
    carried: space.map((place, i) => ({ ...place, bytes: travelling[i]?.size ?? 0 })),
  };
}

const TRIES = 3;

/** By the quickest of several answers: it can be wrong by half of the time that it took. */
async function clockDifference(agent: AgentClient): Promise<ClockDifference> {
  let best: ClockDifference | undefined;
  for (let i = 0; i < TRIES; i++) {
    const before = clock();
    const there = await agent.request('clock', {});
    const after = clock();
    const error = (after.monotonic - before.monotonic) / 2;
    if (best && best.error <= error) continue;
    best = {
      wall: Math.round(there.now - (before.now + after.now) / 2),
      monotonic: Math.round(there.monotonic - (before.monotonic + after.monotonic) / 2),
      error,
    };
  }
  return best as ClockDifference;
}
