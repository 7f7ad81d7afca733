// The peers of connected QPs: what is known of them, by whom, and how each is to find its partner again.
import { AgentClient } from './agent/client.js';
import type { PeerHost } from './agent/peer-host.js';
import type { HostFacts } from './agent/protocol.js';
import type { Reach } from './agent/reach.js';
import type { Way } from './agent/transport.js';
import type { Fit } from './fit.js';
import type { SourceFacts } from './source.js';
import type { PeerFacts } from './types.js';

/** A QP that has a peer. */
export interface ConnectedQp {
  qpn: number;
  destQpn: number;
  /** IP addresses of both ends. */
  own: string;
  peer: string;
  /** The peer has said NAK-stopped, and no Resume since. */
  isPaused: boolean;
  /** The peer has answered the module's greeting; absent: it was not greeted. */
  isAware?: boolean;
}

/** What was answered about one address. */
export interface PeerReach {
  ip: string;
  /** From the source and from the destination; absent where it was not asked. */
  here?: Reach;
  there?: Reach;
}

/** A host that was named as one of peers. */
export type AskedHost = { host: string } & ({ facts: PeerHost } | { failure: string });

/** Link-local addresses need a device beside them; they are in the same network anyhow. */
export const canBeAsked = (ip: string): boolean => !/^(fe[89ab][\da-f]:|127\.|::1$)/i.test(ip);

/** Asks hosts which module they run. One that cannot be asked keeps nobody else from answering. */
export function askPeerHosts(ways: Way[]): Promise<AskedHost[]> {
  return Promise.all(
    ways.map(async (way): Promise<AskedHost> => {
      const { host } = way;
      try {
        await using agent = await AgentClient.connect(way);
        return { host, facts: await agent.request('peerHost', {}) };
      } catch (error) {
        return { host, failure: (error as Error).message };
      }
    }),
  );
}

type Known = Pick<PeerFacts, 'kind' | 'host' | 'module'> & { keyId?: string; qpns?: number[] };

function knownOf({ hostname: host, versions, moduleAbi, links, qpns }: HostFacts): Known {
  const { module } = versions;
  if (module)
    return { kind: 'roam', host, module, keyId: moduleAbi?.keyId, qpns: qpns.map(({ qpn }) => qpn) };
  return { kind: links.length > 0 ? 'stock' : 'none', host };
}

function knownOfAsked({ hostname: host, module, hasRxe, qpns }: PeerHost): Known {
  if (module) return { kind: 'roam', host, module: module.version, keyId: module.keyId, qpns };
  return { kind: hasRxe ? 'stock' : 'none', host };
}

/** A peer, and what of it decides beside what is told. */
export interface Peer extends PeerFacts {
  keyId?: string;
  /** Of `destQpns`, those that the peer's host does not have. */
  goneQpns: number[];
}

/** Every peer by its address, in the order of the QPs. */
export function describePeers(source: SourceFacts, destination: HostFacts, fit: Fit): Peer[] {
  const moving = source.address?.cidr.ip;
  const byPeer = new Map<string, ConnectedQp[]>();
  for (const qp of source.rdma.connected) byPeer.set(qp.peer, [...(byPeer.get(qp.peer) ?? []), qp]);
  return [...byPeer].map(([ip, qps]) => {
    const { qpns, keyId, ...known } = whoIs(ip, qps, source, destination, fit);
    const reach = fit.reach.find((answer) => answer.ip === ip);
    return {
      ip,
      qpns: qps.map(({ qpn }) => qpn),
      mode: qps.every(({ own }) => own === moving) ? 'same-address' : 'changed-address',
      ...known,
      ...(reach?.here ? { fromSource: reach.here } : {}),
      ...(reach?.there ? { fromDestination: reach.there } : {}),
      ...(keyId ? { keyId } : {}),
      goneQpns: qpns ? qps.map(({ destQpn }) => destQpn).filter((qpn) => !qpns.includes(qpn)) : [],
    };
  });
}

function whoIs(ip: string, qps: ConnectedQp[], source: SourceFacts, destination: HostFacts, fit: Fit): Known {
  const has = ({ addresses }: HostFacts) => addresses.some((address) => address.ip === ip);
  if (has(source.host) || !canBeAsked(ip)) return knownOf(source.host);
  if (has(destination)) return knownOf(destination);
  for (const asked of fit.asked)
    if ('facts' in asked && asked.facts.addresses.includes(ip)) return knownOfAsked(asked.facts);
  // Nobody else says NAK-stopped or answers a greeting.
  if (qps.some(({ isPaused, isAware }) => isPaused || isAware)) return { kind: 'roam' };
  const here = fit.reach.find((answer) => answer.ip === ip)?.here;
  if (here === 'no-roce') return { kind: 'none' };
  return { kind: here === 'answers' && qps.some(({ isAware }) => isAware === false) ? 'stock' : 'unknown' };
}
