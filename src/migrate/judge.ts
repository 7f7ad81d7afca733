// The judgements of preflight: facts in, findings out.

import { LOCAL_IMAGES } from './agent/prepare.js';
import type { HostFacts } from './agent/protocol.js';
import { Findings } from './findings.js';
import { isManaged } from './oci/container.js';
import { mebibytes } from './run.js';
import type { SourceFacts } from './source.js';
import { isLoopback, isWildcard, type TcpSocket } from './tcp.js';
import type { Finding } from './types.js';
import { isAtLeast } from './version.js';

const LEAST_CRIU = '4.0';

/** Of programs that are not everywhere. */
const PACKAGES: Record<string, string> = { nft: 'nftables', nsenter: 'util-linux', rsync: 'rsync' };

/** What the process tree itself has that cannot move. */
export function judgeTree(source: SourceFacts): Finding[] {
  const { hostname: host, foreignNamespaces, fds, rdma, address } = source;
  const found = new Findings(host);
  if (foreignNamespaces.length > 0 && !source.container) {
    found.error(
      'NAMESPACES',
      `process ${source.pid} is in namespaces of its own (${foreignNamespaces.join(', ')})`,
      'a container moves as roam migrate runc:NAME, crun:NAME, docker:NAME or podman:NAME; others cannot be moved yet',
    );
  }
  // A pseudo terminal of which the tree holds both ends goes along like a pipe.
  const inner = new Set(fds.flatMap(({ pty }) => (pty === undefined ? [] : [`/dev/pts/${pty}`])));
  for (const { pid, fd, link } of fds) {
    if (/^\/dev\/(pts\/\d+|tty.*|console)$/.test(link) && !inner.has(link)) {
      found.error(
        'TERMINAL',
        `descriptor ${fd} of process ${pid} is the terminal ${link}`,
        'start it with setsid, and with input and output from and to files',
      );
    }
    if (link === 'anon_inode:[io_uring]') {
      found.error(
        'IO_URING',
        `process ${pid} uses io_uring, which CRIU cannot dump`,
        'start it again after `sysctl kernel.io_uring_disabled=2`; event loops such as that of Node do without',
      );
    }
  }
  for (const object of rdma.unsupported)
    found.error('RDMA_OBJECT_UNSUPPORTED', `cannot move the RDMA object ${object}`, 'close it first');
  if (rdma.problem)
    found.error('RDMA_UNREADABLE', rdma.problem, 'load the migratable rdma_rxe module (roam lab shows how)');
  if (address && !address.dev)
    found.error(
      'ADDRESS_NOT_HERE',
      `${address.cidr.ip} is not an address of this host`,
      'see `ip address show`',
    );
  return [...found.list, ...judgePipes(source)];
}

/** A pipe whose other end is outside the tree would be cut. */
function judgePipes({ hostname: host, fds, pid: root, container }: SourceFacts): Finding[] {
  // Docker's own, or Podman's, by which it reads what the container prints: there are others at the destination.
  const managed = container && isManaged(container);
  const theirs = managed ? fds.filter(({ pid, fd }) => pid === root && fd <= 2) : [];
  const known = new Set(theirs.map(({ link }) => link));
  const ends = new Map<string, { reads: boolean; writes: boolean; pid: number; fd: number }>();
  for (const { link, flags, pid, fd } of fds) {
    if (!link.startsWith('pipe:') || known.has(link)) continue;
    const end = ends.get(link) ?? { reads: false, writes: false, pid, fd };
    if ((flags & 3) !== 1) end.reads = true;
    if ((flags & 3) !== 0) end.writes = true;
    ends.set(link, end);
  }
  return [...ends.values()]
    .filter(({ reads, writes }) => !reads || !writes)
    .map(({ pid, fd }) => ({
      severity: 'error',
      code: 'PIPE_LEAVES_TREE',
      host,
      message: `descriptor ${fd} of process ${pid} is a pipe whose other end is outside the tree of ${root}`,
      remedy:
        'send its output to a file, or move the process at the other end too (name their common ancestor)',
    }));
}

/** What one host lacks. */
export function judgeHost(facts: HostFacts, { rdma, address: own, inside }: SourceFacts): Finding[] {
  const address = inside?.address ?? own;
  const found = new Findings(facts.hostname);
  if (!isAtLeast(facts.versions.criu, LEAST_CRIU)) {
    found.error(
      'CRIU_TOO_OLD',
      `CRIU ${facts.versions.criu} is too old`,
      `install CRIU ${LEAST_CRIU} or newer`,
    );
  }
  for (const program of facts.missingPrograms)
    found.error(
      'PROGRAM_MISSING',
      `the program ${program} is missing`,
      `install ${PACKAGES[program] ?? 'iproute2 and tar'}`,
    );
  if (address?.cidr.family === 4 && !facts.canAnnounce) {
    found.error(
      'CANNOT_ANNOUNCE',
      'nothing here can announce an address (gratuitous ARP)',
      'install iputils-arping or busybox',
    );
  }
  if (rdma.contexts > 0) {
    if (!facts.criuPlugin)
      found.error(
        'PLUGIN_MISSING',
        'CRIU lacks the plugin roam_rdma_plugin.so',
        'install it in /usr/lib/criu',
      );
    if (facts.links.length === 0)
      found.error('NO_RXE_DEVICE', 'there is no rxe device', 'rdma link add rxe0 type rxe netdev DEVICE');
    else if (!facts.versions.module)
      found.error('MODULE_STOCK', 'the loaded rdma_rxe cannot migrate', 'load the rdma_rxe of roam-rdma');
  }
  return found.list;
}

/** Where the two hosts do not fit together. */
export function judgePair(source: SourceFacts, destination: HostFacts): Finding[] {
  const { host: own, rdma, memory } = source;
  const host = destination.hostname;
  const found = new Findings(host);
  if (
    own.hostname === host &&
    own.addresses.some(
      ({ ip, dev }) => dev !== 'lo' && destination.addresses.some((a) => a.ip === ip && a.dev === dev),
    )
  ) {
    found.error('SAME_HOST', 'source and destination are the same host', 'name another host with --to');
  }
  if (own.arch !== destination.arch)
    found.error('ARCH_DIFFERS', `the machine is ${destination.arch}, the source ${own.arch}`);
  if (own.versions.kernel !== destination.versions.kernel) {
    found.error(
      'KERNEL_DIFFERS',
      `the kernel is ${destination.versions.kernel}, at the source ${own.versions.kernel}`,
      'boot the same kernel on both hosts',
    );
  }
  if (
    rdma.contexts > 0 &&
    destination.versions.module &&
    own.versions.module !== destination.versions.module
  ) {
    found.error(
      'MODULE_DIFFERS',
      `the rdma_rxe module is ${destination.versions.module}, at the source ${own.versions.module}`,
      'load the same module on both hosts',
    );
  }
  for (const { device, qpn, pid } of destination.qpns) {
    if (rdma.qpns.includes(qpn))
      found.error(
        'QPN_IN_USE',
        `QPN ${qpn} is in use on ${device} (process ${pid})`,
        'give the hosts ranges of their own: roam nodes --assign-ranges HOST HOST…',
      );
  }
  // A thread that is not the first one may have registered it.
  const pids = new Set([...source.pids, ...source.tasks.flatMap(({ threads }) => threads)]);
  const keys = new Set(own.mrKeys.filter(({ pid }) => pids.has(pid)).map(({ key }) => key >>> 8));
  for (const { device, key, pid } of destination.mrKeys) {
    if (keys.has(key >>> 8))
      found.error(
        'KEY_IN_USE',
        `MR key 0x${key.toString(16)} is in use on ${device} (${pid ? `process ${pid}` : 'the kernel'})`,
        pid
          ? 'give the hosts ranges of their own: roam nodes --assign-ranges HOST HOST…'
          : `the kernel takes another one when ${device} is deleted and added again, in a range of this host's own: roam nodes --assign-ranges HOST HOST…`,
      );
  }
  // The images lie in memory beside the process that is restored from them.
  if (destination.memoryAvailable < 2 * memory) {
    found.error(
      'MEMORY_SHORT',
      `${mebibytes(destination.memoryAvailable)} of memory are free, ${mebibytes(2 * memory)} are needed`,
    );
  }
  if (own.memoryAvailable < LOCAL_IMAGES) {
    found.list.push({
      severity: 'error',
      code: 'MEMORY_SHORT',
      host: source.hostname,
      message: `${mebibytes(own.memoryAvailable)} of memory are free, the images need up to ${mebibytes(LOCAL_IMAGES)}`,
    });
  }
  return found.list;
}

/** Sockets whose address would not be there any more. @param there Addresses of the network that they come to. */
export function judgeSockets(source: SourceFacts, there: { ip: string }[], tcpClose: boolean): Finding[] {
  const reachable = new Set(there.map(({ ip }) => ip));
  const { address, inside, container } = source;
  const moving = [(inside ? inside.address : address)?.cidr.ip, ...(container?.docker?.addresses ?? [])];
  // The addresses of a host are not those of a container with a network of its own.
  const isApart = (source.container?.docker?.networks.length ?? 0) > 0;
  const stays = ({ localAddress: ip }: TcpSocket) => !moving.includes(ip) && (isApart || !reachable.has(ip));
  const found = new Findings(source.hostname);
  for (const connection of tcpClose ? [] : source.connections) {
    const words = `the TCP connection ${connection.localAddress}:${connection.localPort} to ${connection.remoteAddress}:${connection.remotePort}`;
    const bothEnds = source.connections.some(
      (other) => other.localPort === connection.remotePort && other.remotePort === connection.localPort,
    );
    if (isLoopback(connection.localAddress)) {
      if (!bothEnds)
        found.error(
          'TCP_PEER_LEFT_BEHIND',
          `${words} leads to another process of this host`,
          'move both, or close it with --tcp-close',
        );
    } else if (stays(connection)) {
      found.error(
        'ADDRESS_STAYS',
        `${words} is on an address that stays here`,
        `move the address too (--ip ${connection.localAddress}/PREFIX), or --tcp-close`,
      );
    }
  }
  for (const socket of source.bound) {
    if (isWildcard(socket.localAddress) || isLoopback(socket.localAddress) || !stays(socket)) continue;
    found.error(
      'ADDRESS_STAYS',
      `a socket is bound to ${socket.localAddress}:${socket.localPort}, an address that stays here`,
      `move it with --ip ${socket.localAddress}/PREFIX`,
    );
  }
  return found.list;
}
