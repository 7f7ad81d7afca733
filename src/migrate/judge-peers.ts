// Whether each peer can find its partner again.
import { count } from '../report/format.js';
import { sameNetwork } from './address.js';
import type { HostFacts } from './agent/protocol.js';
import { Findings } from './findings.js';
import type { AskedHost, Peer } from './peers.js';
import type { SourceFacts } from './source.js';
import type { Finding } from './types.js';

const LOAD = 'load the rdma_rxe of roam-rdma on its host';

/** What the peers are, how Resume will reach them, and whether they answer. */
export function judgePeers(
  source: SourceFacts,
  destination: HostFacts,
  peers: Peer[],
  asked: AskedHost[],
): Finding[] {
  const here = new Findings(source.hostname);
  const there = new Findings(destination.hostname);
  for (const peer of peers) {
    judgeKind(here, source, peer);
    judgeReach(here, there, source, peer);
  }
  for (const answer of asked)
    if ('failure' in answer)
      here.warning(
        'PEER_HOST_UNASKED',
        `${answer.host} cannot be asked which module it runs: ${answer.failure}`,
        'its user must be root by ssh, and roam be installed there',
      );
  return [...here.list, ...there.list];
}

const words = ({ ip, host, qpns }: Peer): string =>
  `the peer ${ip}${host ? ` (${host})` : ''} of ${qpns.length === 1 ? `QP ${qpns[0]}` : count(qpns.length, 'QP')}`;

/** By which address the peer is told where its partner is. */
const way = ({ mode }: Peer): string =>
  mode === 'same-address'
    ? 'Resume comes from the address that it knows'
    : 'Resume comes from another address';

function judgeKind(found: Findings, { host: { versions, moduleAbi } }: SourceFacts, peer: Peer): void {
  const changes = peer.mode === 'changed-address';
  if (peer.kind === 'none')
    found.warning(
      'PEER_NO_ROCE',
      `nothing takes RoCE at ${words(peer)} any more`,
      'see `roam devinfo` there: the connection is dead as it is',
    );
  else if (peer.kind === 'stock') {
    const problem = peer.host
      ? `${words(peer)} is on the stock rdma_rxe`
      : `${words(peer)} does not understand migration (the stock rdma_rxe, a NIC, or another key)`;
    if (changes)
      found.error(
        'PEER_STOCK',
        `${problem} and cannot follow it to another address`,
        `${LOAD}, or let the address move along: --ip`,
      );
    else
      found.warning(
        'PEER_STOCK',
        `${problem}: RNR NAKs hold what it posts meanwhile, and its rnr_retry, which nobody can read here, decides for how long (7: without end)`,
        `see that its program sets rnr_retry 7 and retries that last (retry_cnt, timeout), or ${LOAD}`,
      );
  } else if (peer.kind === 'unknown')
    found.info(
      'PEER_KIND_UNKNOWN',
      changes
        ? `${words(peer)} is of an unknown kind; ${way(peer)}, which takes the rdma_rxe of roam-rdma to understand`
        : `${words(peer)} is of an unknown kind, which the stop will tell: Resume, or RNR NAKs while it waits`,
      'ask its host with --peer HOST, or run `roam qps` there',
    );
  else judgeModule(found, versions.module, moduleAbi?.keyId, peer);
}

function judgeModule(
  found: Findings,
  version: string | undefined,
  keyId: string | undefined,
  peer: Peer,
): void {
  if (peer.goneQpns.length > 0)
    found.warning(
      'PEER_QP_GONE',
      `${words(peer)} has no ${count(peer.goneQpns.length, 'QP')} ${peer.goneQpns.join(', ')}`,
      'see `roam qps` there: the connection is dead as it is',
    );
  const isKnown = peer.module !== undefined;
  if (isKnown && peer.keyId !== keyId)
    found.error(
      'PEER_KEY_DIFFERS',
      `${words(peer)} has ${peer.keyId ? `key ${peer.keyId}` : 'no key'}, this host ${keyId ?? 'none'}: it will not believe Resume`,
      'write the same key to /proc/sys/net/rdma_rxe/key on every host, see docs/threat-model.md',
    );
  else if (isKnown && peer.module !== version)
    found.warning(
      'PEER_MODULE_DIFFERS',
      `${words(peer)} has version ${peer.module} of the rdma_rxe module, this host ${version ?? 'none'}`,
      'load the same module on every host',
    );
  else {
    const module = isKnown ? `has rdma_rxe ${peer.module}` : 'has answered as the rdma_rxe of roam-rdma';
    found.info('PEER_FOLLOWS', `${words(peer)} ${module} and follows: ${way(peer)}`);
  }
}

function judgeReach(here: Findings, there: Findings, source: SourceFacts, peer: Peer): void {
  const { fromSource, fromDestination, ip } = peer;
  const look = `see that its host is up: ping ${ip}`;
  // The moved address brings a way to its own network.
  const waits = source.address !== undefined && sameNetwork(ip, source.address.cidr);
  const answers = fromSource === 'answers' || fromSource === 'no-roce';
  if (fromSource === 'unreachable')
    here.warning('PEER_UNREACHABLE', `${words(peer)} cannot be reached`, look);
  else if (fromDestination === 'unreachable' && !waits)
    there.warning('PEER_UNREACHABLE', `${words(peer)} cannot be reached`, look);
  else if (fromDestination === 'silent' && answers && !waits)
    there.warning(
      'PEER_SILENT',
      `${words(peer)} answers the source, and nothing from here`,
      'see that no firewall is between them: UDP port 4791 carries RoCE',
    );
  else if (fromSource === 'silent')
    here.info(
      'PEER_SILENT',
      `${words(peer)} answers no probe: it is down, or a firewall swallows them`,
      look,
    );
}
