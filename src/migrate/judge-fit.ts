// Whether the destination is a place where this process can go on as it was.
import { seconds } from '../report/format.js';
import { sameNetwork } from './address.js';
import type { HostFacts } from './agent/protocol.js';
import { Findings } from './findings.js';
import type { Fit } from './fit.js';
import { mebibytes } from './run.js';
import type { SourceFacts } from './source.js';
import { isLoopback } from './tcp.js';
import type { Finding } from './types.js';
import { isAtLeast } from './version.js';

/** Clocks nearer to each other than this are taken for synchronous. */
const CLOCK_TOLERANCE_MS = 2000;

/** What CRIU needs beside the memory of the processes, in bytes. */
export const IMAGE_OVERHEAD = 16 * 1024 * 1024;

export function judgeFit(source: SourceFacts, destination: HostFacts, fit: Fit): Finding[] {
  const there = new Findings(destination.hostname);
  judgeCpu(there, fit);
  judgeClocks(there, destination, fit);
  judgeRoom(there, source, destination, fit);
  judgeSoftware(there, source, destination);
  if (source.rdma.contexts > 0) {
    judgeDevices(there, source, destination);
    judgeRoutes(there, source, destination, fit);
  }
  const here = new Findings(source.hostname);
  if (source.cgroup !== '/') {
    here.info(
      'CGROUP_STAYS',
      `the control group ${source.cgroup} does not move: over there the process is in that of roam`,
      'move it into a control group there afterwards',
    );
  }
  if (!source.host.dirtyTracking)
    here.info(
      'NO_DIRTY_TRACKING',
      'the kernel does not mark pages that are written to: memory moves in one piece',
    );
  return [...there.list, ...here.list];
}

function judgeCpu(found: Findings, { lackingCpu }: Fit): void {
  if (lackingCpu === undefined)
    found.info('CPU_NOT_COMPARED', 'CRIU cannot compare the processors of the two hosts');
  else if (lackingCpu !== null) {
    found.error(
      'CPU_LACKS_FEATURES',
      `the processor lacks what the process may use: ${lackingCpu}`,
      'move it to a host with the same processor, or with a newer one of its maker',
    );
  }
}

function judgeClocks(found: Findings, destination: HostFacts, { clock }: Fit): void {
  const { wall, monotonic, error } = clock;
  if (Math.abs(wall) - error > CLOCK_TOLERANCE_MS) {
    found.warning(
      'CLOCK_DIFFERS',
      `the clock is ${seconds(Math.abs(wall))} ${wall > 0 ? 'ahead of' : 'behind'} the source's`,
      'let both hosts keep time by NTP',
    );
  }
  // In a time namespace it goes on from the freeze.
  if (destination.timeNamespaces) return;
  const words = monotonic > 0 ? 'forward' : 'back';
  found.warning(
    'MONOTONIC_CLOCK',
    `the kernel has no time namespaces: for the process CLOCK_MONOTONIC goes ${words} by ${seconds(Math.abs(monotonic))}`,
    'boot a kernel with CONFIG_TIME_NS there, if it matters to the process',
  );
}

function judgeRoom(found: Findings, source: SourceFacts, destination: HostFacts, fit: Fit): void {
  const needed = source.memory + IMAGE_OVERHEAD;
  const places = destination.imageSpace;
  if (places.every(({ available }) => available < needed)) {
    const rooms = places.map(({ path, available }) => `${path} has ${mebibytes(available)}`).join(', ');
    found.error(
      'NO_SPACE',
      `there is no room for ${mebibytes(needed)} of images (${rooms})`,
      `free space in ${places.map(({ path }) => path).join(' or ')}`,
    );
  }
  const wanted = new Map<number, { bytes: number; available: number }>();
  for (const { device, available, bytes } of fit.carried)
    wanted.set(device, { available, bytes: (wanted.get(device)?.bytes ?? 0) + bytes });
  for (const { bytes, available } of wanted.values()) {
    if (bytes > available)
      found.error(
        'DISK_SHORT',
        `a file system has ${mebibytes(available)} free, files of ${mebibytes(bytes)} would be carried to it`,
        'free space there',
      );
  }
}

function judgeSoftware(found: Findings, source: SourceFacts, destination: HostFacts): void {
  const { host: own, rdma } = source;
  const [here, there] = [own.versions, destination.versions];
  if (here.roam !== there.roam)
    found.warning(
      'ROAM_DIFFERS',
      `roam is ${there.roam}, at the source ${here.roam}`,
      'install the same version',
    );
  if (here.criu !== there.criu && isAtLeast(here.criu, there.criu)) {
    found.warning(
      'CRIU_OLDER',
      `CRIU ${there.criu} is older than that of the source (${here.criu}), whose images it may not understand`,
      'install the same version',
    );
  }
  if (rdma.contexts === 0) return;
  const [abi, wanted] = [destination.moduleAbi, own.moduleAbi];
  if (abi && wanted && (abi.abi !== wanted.abi || abi.dump !== wanted.dump)) {
    const words = (of: typeof abi) => `${of.abi} (dumps ${of.dump})`;
    found.error(
      'MODULE_ABI_DIFFERS',
      `the interface of the rdma_rxe module is ${words(abi)}, at the source ${words(wanted)}`,
      'load the same module on both hosts',
    );
  }
  if (abi && wanted && abi.keyId !== wanted.keyId) {
    const words = ({ keyId }: typeof abi) => (keyId ? `key ${keyId}` : 'no key');
    found.error(
      'KEY_DIFFERS',
      `the rdma_rxe module has ${words(abi)}, at the source ${words(wanted)}: peers would not believe the copy`,
      'write the same key to /proc/sys/net/rdma_rxe/key on every host, see docs/threat-model.md',
    );
  }
  if (own.pluginHash && destination.pluginHash && own.pluginHash !== destination.pluginHash)
    found.warning(
      'PLUGIN_DIFFERS',
      'roam_rdma_plugin.so is not the file that the source has',
      'install the same build on both hosts',
    );
}

function judgeDevices(found: Findings, { rdma, host: own }: SourceFacts, { links }: HostFacts): void {
  const names = links.map(({ device }) => device);
  for (const device of rdma.devices) {
    // The plugin takes the device of the same name, or the only one.
    const link =
      links.find((candidate) => candidate.device === device) ?? (links.length === 1 ? links[0] : undefined);
    if (!link) {
      if (links.length > 0)
        found.error(
          'DEVICE_UNMAPPED',
          `there is no device ${device}, and which of ${names.join(', ')} to take is not known`,
          `rename one: rdma dev set ${names[0]} name ${device}`,
        );
      continue;
    }
    if (!link.active)
      found.error('PORT_DOWN', `the port of ${link.device} is not active`, `ip link set ${link.netdev} up`);
    if (!link.roceV2)
      found.error(
        'GID_TYPE_MISSING',
        `${link.device} has no GID of RoCE v2`,
        `give ${link.netdev} an address`,
      );
    const before = own.links.find((candidate) => candidate.device === device);
    if (before && link.mtu < before.mtu) {
      found.error(
        'MTU_SMALLER',
        `the path MTU of ${link.device} is ${link.mtu} at most, at the source ${before.mtu}: its QPs may use that`,
        `raise the MTU of ${link.netdev} (ip link set ${link.netdev} mtu N)`,
      );
    }
  }
}

function judgeRoutes(found: Findings, source: SourceFacts, destination: HostFacts, fit: Fit): void {
  const netdevs = destination.links.map(({ netdev }) => netdev);
  const known = new Set([...source.host.addresses, ...destination.addresses].map(({ ip }) => ip));
  for (const { ip, dev } of fit.peers) {
    if (known.has(ip) || isLoopback(ip)) continue;
    // The moved address brings a route to its own network.
    if (source.address && sameNetwork(ip, source.address.cidr)) continue;
    if (dev === null)
      found.warning('PEER_NO_ROUTE', `there is no route to the peer ${ip}`, `ip route add ${ip} …`);
    else if (dev !== 'lo' && !netdevs.includes(dev))
      found.warning(
        'PEER_OTHER_DEVICE',
        `the route to the peer ${ip} is by ${dev}, which has no RDMA device`,
        `ip route replace ${ip} dev ${netdevs[0] ?? 'DEVICE'}`,
      );
  }
}
