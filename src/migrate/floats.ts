// Which address of this host belongs to a process rather than to the host.
import { RoamError } from '../errors.js';
import { linksIn } from './netns/facts.js';
import { foreignNamespaces } from './proc.js';
import { run } from './run.js';
import { isLoopback, isWildcard } from './tcp.js';

export interface HostAddress {
  dev: string;
  ip: string;
  prefix: number;
  family: 4 | 6;
  /** The first of its family on its device: the host's own, that does not move. */
  primary: boolean;
}

interface IpAddress {
  ifname: string;
  addr_info?: { family: string; local?: string; prefixlen?: number; scope?: string }[];
}

/** What `ip -j address show` says of addresses that others can reach. */
export function parseAddresses(json: string): HostAddress[] {
  const devices = JSON.parse(json || '[]') as IpAddress[];
  return devices.flatMap(({ ifname: dev, addr_info = [] }) => {
    const seen = new Set<string>();
    return addr_info.flatMap(({ family, local, prefixlen, scope }) => {
      if (local === undefined || prefixlen === undefined || scope !== 'global') return [];
      const primary = !seen.has(family);
      seen.add(family);
      return [{ dev, ip: local, prefix: prefixlen, family: family === 'inet' ? 4 : 6, primary }] as const;
    });
  });
}

export const hostAddresses = async (): Promise<HostAddress[]> =>
  parseAddresses(await run('ip', ['-j', 'address', 'show'], { remedy: 'install iproute2' }));

/** Those of the addresses in use that are not a host's own, in CIDR form. */
export function floatingOf(used: string[], addresses: HostAddress[]): string[] {
  const wanted = new Set(used.filter((ip) => !isLoopback(ip) && !isWildcard(ip)));
  return addresses
    .filter(({ ip, primary }) => !primary && wanted.has(ip))
    .map(({ ip, prefix }) => `${ip}/${prefix}`);
}

/** Those of the addresses in use that a container of runc has in a network namespace: all are its own. */
export async function floatingInside(pid: number, used: string[]): Promise<string[]> {
  if (!(await foreignNamespaces(pid)).includes('net')) return [];
  const links = (await linksIn(`/proc/${pid}/ns/net`)).filter(({ name }) => name !== 'lo');
  return links
    .flatMap(({ addresses }) => addresses)
    .filter((address) => used.includes(address.split('/')[0] ?? ''));
}

/**
 * The address that is to move with a process, of those that float.
 *
 * @throws RoamError ADDRESS_AMBIGUOUS
 */
export function oneFloating(what: string, floating: string[]): string | undefined {
  if (floating.length > 1)
    throw new RoamError(
      'ADDRESS_AMBIGUOUS',
      `${what} uses ${floating.length} addresses that are not the host's own (${floating.join(', ')}), and one can move with it`,
      { remedy: `name it: --ip ${floating[0]}` },
    );
  return floating[0];
}
