// Everything that can be known to stand in the way, before anything is stopped.
import { basename } from 'node:path';
import type { AgentClient } from './agent/client.js';
import { DIRECTORY, MISSING } from './agent/facts.js';
import type { HostFacts } from './agent/protocol.js';
import type { Way } from './agent/transport.js';
import { bySeverity, Findings } from './findings.js';
import { askFit } from './fit.js';
import { judgeHost, judgePair, judgeSockets, judgeTree } from './judge.js';
import { judgeCompression } from './judge-compress.js';
import { judgeFit } from './judge-fit.js';
import { judgePeers } from './judge-peers.js';
import { judgePostCopy } from './judge-post-copy.js';
import { judgeUnreliable } from './judge-unreliable.js';
import { askManager, judgeManaged, type ManagedPlace } from './managed/judge.js';
import type { NetnsLink } from './netns/facts.js';
import type { Inside } from './netns/inside.js';
import { judgeNetnsPlace } from './netns/judge.js';
import { judgeContainer, judgeGuests, judgeOpen, judgePlace } from './oci/judge.js';
import { describePeers, type Peer } from './peers.js';
import { judgeRanges } from './ranges.js';
import { mebibytes } from './run.js';
import type { SourceFacts } from './source.js';
import { isSynced } from './sync.js';
import type { Finding } from './types.js';
import type { CompressMode } from './wire/chooser.js';

const DESTINATION_PROGRAMS = ['ip', 'tar'];

export interface PreflightOptions {
  tcpClose: boolean;
  carryLimit: number;
  /** What rsync brings to the destination need not be there yet. */
  sync: string[];
  postCopy: boolean;
  /** Hosts that may have peers. */
  peerHosts: Way[];
  compress: CompressMode;
  /** An image that the destination lacks goes along. */
  copyImage: boolean;
  /** The network device that is to take the address. */
  ipDevice?: string;
}

export interface PreflightResult {
  findings: Finding[];
  destination: HostFacts;
  /** Small files that the destination lacks; they travel with the process. */
  missingFiles: string[];
  peers: Peer[];
  /** Where Docker or Podman would make the container. */
  place?: ManagedPlace;
}

/** Asks both hosts, and reports all findings at once. */
export async function preflight(
  source: SourceFacts,
  agent: AgentClient,
  options: PreflightOptions,
): Promise<PreflightResult> {
  const { inside } = source;
  const programs = [
    ...DESTINATION_PROGRAMS,
    ...(inside ? ['nsenter'] : []),
    ...(source.connections.length > 0 ? ['nft', 'ss'] : []),
    ...(options.sync.length > 0 ? ['rsync'] : []),
  ];
  const destination = await agent.request('facts', {
    programs,
    rdma: source.rdma.contexts > 0,
    announce: (inside?.address ?? source.address)?.cidr.family === 4,
  });
  const files = await compareFiles(source, agent, destination.hostname, options);
  const fit = await askFit(source, agent, files.missing, options.peerHosts);
  const peers = describePeers(source, destination, fit);
  const place = source.container && (await askManager(source.container, agent));
  const netns = inside?.path === undefined ? undefined : await agent.request('netns', { path: inside.path });
  const findings = [
    ...judgeTree(source),
    ...judgeHost(source.host, source),
    ...judgeHost(destination, source),
    ...judgePair(source, destination),
    ...(source.rdma.contexts > 0
      ? judgeRanges(source.host.ranges, destination.hostname, destination.ranges)
      : []),
    ...judgeFit(source, destination, fit),
    ...judgePeers(source, destination, peers, fit.asked),
    ...judgeSockets(source, networkOf(destination, inside, netns), options.tcpClose),
    ...(inside?.path === undefined
      ? []
      : judgeNetnsPlace(inside, netns ?? null, destination.hostname, options.ipDevice)),
    ...judgeUnreliable(source, destination),
    ...(await judgeTaken(source, agent, destination.hostname, options, place)),
    ...(options.postCopy ? judgePostCopy(source, destination) : []),
    ...judgeCompression([source.host, destination], options.compress),
    ...files.findings,
  ];
  return {
    findings: bySeverity(findings),
    destination,
    missingFiles: files.missing,
    peers,
    ...(place ? { place } : {}),
  };
}

/** The addresses that the processes find: those of the host, or of the namespace that they come into. */
function networkOf(
  { addresses }: HostFacts,
  inside: Inside | undefined,
  netns: NetnsLink[] | null | undefined,
): { ip: string }[] {
  if (!inside) return addresses;
  // One without a path is made again as it is.
  const links = inside.path === undefined ? inside.links : (netns ?? []);
  return links.flatMap((link) => link.addresses.map((address) => ({ ip: address.split('/')[0] ?? '' })));
}

/** What has to be free or there for these processes: ids, or a place for a container. */
async function judgeTaken(
  source: SourceFacts,
  agent: AgentClient,
  host: string,
  { sync, copyImage }: PreflightOptions,
  place: ManagedPlace | undefined,
): Promise<Finding[]> {
  const { container, foreignNamespaces } = source;
  // In a pid namespace of their own every id is free.
  const ids = foreignNamespaces.includes('pid') ? [] : await judgeIds(source, agent, host);
  if (!container) return ids;
  if (place) {
    const options = { sync, copyImage };
    return [
      ...ids,
      ...(await judgeGuests(source, container)),
      ...(await judgeManaged(place, agent, { source: source.hostname, destination: host }, options)),
    ];
  }
  return [
    ...ids,
    ...judgeContainer(source, container, sync),
    ...(await judgeGuests(source, container)),
    ...(await judgeOpen(source, container)),
    ...(await judgePlace(container, agent, host, sync)),
  ];
}

async function judgeIds(source: SourceFacts, agent: AgentClient, host: string): Promise<Finding[]> {
  const own = new Set(source.tasks.flatMap(({ pid, threads }) => [pid, ...threads]));
  // Group and session ids of leaders outside the tree are not restored.
  for (const { pgid, sid } of source.tasks) {
    if (!source.shellJob || source.pids.includes(pgid)) own.add(pgid);
    if (!source.shellJob || source.pids.includes(sid)) own.add(sid);
  }
  const taken = await agent.request('takenIds', { ids: [...own] });
  return taken.map(({ id, comm }) => ({
    severity: 'error',
    code: 'PID_IN_USE',
    host,
    message: `process id ${id} is in use (${comm})`,
    remedy: `end it, or give the hosts disjoint ranges (kernel.ns_last_pid)`,
  }));
}

async function compareFiles(
  source: SourceFacts,
  agent: AgentClient,
  host: string,
  { carryLimit, sync }: PreflightOptions,
) {
  const files = source.files.files.filter(({ path }) => !isSynced(path, sync));
  // That of a container is asked after with its bundle.
  const directories = source.files.directories.filter(
    (path) => !isSynced(path, sync) && path !== source.container?.rootfs,
  );
  const paths = [...files.map(({ path }) => path), ...directories];
  const there = await agent.request('sizes', { paths });
  const found = new Findings(host);
  const missing: string[] = [];
  files.forEach(({ path, size, writable, mapped }, i) => {
    const its = there[i] ?? MISSING;
    if (its === DIRECTORY) found.error('PATH_IS_DIRECTORY', `${path} is a directory there`);
    else if (its === MISSING) {
      if (writable) return;
      if (size <= carryLimit) missing.push(path);
      else
        found.error(
          'FILE_MISSING',
          `${path} is missing (${mebibytes(size)})`,
          'copy it, or raise --carry-limit',
        );
    } else if (its !== size && !writable) {
      const what = mapped ? 'the same version of the package' : 'the same file';
      found.error(
        'FILE_DIFFERS',
        `${path} has another size (${its}, at the source ${size})`,
        `install ${what} that holds ${basename(path)}`,
      );
    }
  });
  directories.forEach((path, i) => {
    if (there[files.length + i] !== DIRECTORY)
      found.error('DIRECTORY_MISSING', `the directory ${path} is missing`, `mkdir -p ${path}`);
  });
  return { findings: found.list, missing };
}
