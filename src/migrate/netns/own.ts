// The network namespace that runc has made for a container. CRIU is asked for an empty one in its place (runc asks it so,
// always), and what was in it is put back before the processes come.
import type { Container } from '../oci/container.js';
import { runIn } from './enter.js';
import { linksIn } from './facts.js';
import type { Inside } from './inside.js';

const LOOPBACK = 'lo';

/** All that such a namespace may have if it is to be made again: nobody but a hook could make other interfaces. */
export interface OwnNetwork {
  /** lo is up. */
  up: boolean;
  /** Of lo, in CIDR form. */
  addresses: string[];
  /** Parameters below /proc/sys/net, as config.json names and sets them. */
  sysctl: Record<string, string>;
}

/** undefined: the container has none of its own. */
export function ownNetwork({ sysctl = {} }: Container, inside: Inside | undefined): OwnNetwork | undefined {
  if (!inside || inside.path !== undefined) return undefined;
  const lo = inside.links.find(({ name }) => name === LOOPBACK);
  return { up: lo?.up ?? false, addresses: lo?.addresses ?? [], sysctl };
}

/** Every namespace gets these of the kernel, down, once the modules of such tunnels are loaded. */
const OF_THE_KERNEL = /^(tunl|sit|ip6tnl|gre|gretap|ip6gre|erspan|ip_vti|ip6_vti)0$/;

/** Interfaces that would be missing in the new one. */
export const strangersIn = ({ links }: Inside) =>
  links.filter(({ name, up }) => name !== LOOPBACK && (up || !OF_THE_KERNEL.test(name)));

/**
 * Puts it into the namespace of a process, which CRIU has just made.
 *
 * @throws RoamError COMMAND_FAILED
 */
export async function fillNetwork(pid: number, { up, addresses, sysctl }: OwnNetwork): Promise<void> {
  const netns = `/proc/${pid}/ns/net`;
  if (up) await runIn(netns, ['ip', 'link', 'set', LOOPBACK, 'up']);
  // Some come by themselves when it is up.
  const there = (await linksIn(netns)).flatMap((link) => link.addresses);
  for (const address of addresses.filter((one) => !there.includes(one)))
    await runIn(netns, ['ip', 'address', 'add', address, 'dev', LOOPBACK]);
  // runc does this when it starts a container, not when it restores one.
  for (const [name, value] of Object.entries(sysctl))
    await runIn(netns, [
      'sh',
      '-c',
      'printf %s "$2" >"/proc/sys/$1"',
      'sh',
      name.replaceAll('.', '/'),
      value,
    ]);
}

/** The parameters of a configuration that belong to its network; a name cannot lead elsewhere. */
export const sysctlOfNetwork = (all: Record<string, string> = {}): Record<string, string> =>
  Object.fromEntries(Object.entries(all).filter(([name]) => /^net[./](?!.*\.\.)[\w./-]+$/.test(name)));
