// Whether a container's network namespace is one that it can leave, and one that it finds at the destination.
import { Findings } from '../findings.js';
import type { Container } from '../oci/container.js';
import type { SourceFacts } from '../source.js';
import type { Finding } from '../types.js';
import { deviceIn } from './device.js';
import type { NetnsLink } from './facts.js';
import type { Inside } from './inside.js';
import { strangersIn } from './own.js';

/** Directories in which `ip netns` keeps its namespaces. */
const NAMED = /^(?:\/var)?\/run\/netns\/([^/]+)$/;

/** What a container's namespace at the source has against a move. */
export function judgeInside({ hostname }: SourceFacts, { name }: Container, inside: Inside): Finding[] {
  const { path, others, isReplaced, address } = inside;
  const found = new Findings(hostname);
  if (path === undefined) {
    const words = strangersIn(inside).map(({ name: link, kind }) => `${link}${kind && ` (${kind})`}`);
    if (words.length > 0)
      found.error(
        'NETWORK_NAMESPACE',
        `the container ${name} has a network namespace that runc has made for it, with ${words.join(', ')}, which nobody would make elsewhere`,
        'prepare a namespace on both hosts, and let the container join it by "path"',
      );
    return found.list;
  }
  if (path.startsWith('/proc/'))
    found.error(
      'NETNS_OF_PROCESS',
      `the container ${name} has joined the network namespace ${path}, and that process is another one elsewhere`,
      'give the namespace a name (ip netns attach NAME PID), and let the container join /run/netns/NAME',
    );
  else if (isReplaced)
    found.error(
      'NETNS_REPLACED',
      `${path} is no longer the network namespace that the container ${name} is in`,
      `umount ${path}; ip netns attach NAME PID, with the pid of the container`,
    );
  const [first] = others;
  if (first && address)
    found.warning(
      'NETNS_SHARED',
      `process ${first.pid} (${first.comm}) is in the network namespace ${path} too, and ${address.cidr.ip} leaves it`,
      'move all that use the address, or none',
    );
  return found.list;
}

/** `there`: the links of the namespace at the destination; null: there is none. */
export function judgeNetnsPlace(
  { path = '', address, links: own }: Inside,
  there: NetnsLink[] | null,
  host: string,
  wanted?: string,
): Finding[] {
  const found = new Findings(host);
  const title = NAMED.exec(path)?.[1];
  const isUsed = ({ name, addresses }: NetnsLink) => name !== 'lo' && addresses.length > 0;
  if (there === null) {
    const like = own.filter(isUsed).map(({ name, kind }) => `${name}${kind && ` (${kind})`}`);
    const interfaces = like.length > 0 ? `, with ${like.join(', ')} in it` : '';
    found.error(
      'NETNS_MISSING',
      `there is no network namespace ${path}, which the container joins`,
      title ? `ip netns add ${title}${interfaces}` : `make it as at the source${interfaces}`,
    );
    return found.list;
  }
  if (!address) return found.list;
  const { cidr, dev } = address;
  const link = deviceIn(there, cidr, { wanted, dev });
  if (there.some(({ addresses }) => addresses.some((other) => other.startsWith(`${cidr.ip}/`))))
    found.error(
      'ADDRESS_TAKEN',
      `${cidr.ip} is in the network namespace ${path} already`,
      'remove it there: it comes with the container',
    );
  else if (!link)
    found.error(
      'NETNS_DEVICE_MISSING',
      `the network namespace ${path} has no interface ${wanted ?? dev} for ${cidr.ip}`,
      `make ${wanted ?? dev} there, on the same network as at the source, or name another one with --ip-dev`,
    );
  else if (!link.up)
    found.error(
      'NETNS_DEVICE_DOWN',
      `the interface ${link.name} in the network namespace ${path} is down`,
      title ? `ip -n ${title} link set ${link.name} up` : `set ${link.name} up`,
    );
  return found.list;
}
