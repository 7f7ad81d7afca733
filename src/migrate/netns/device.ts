import { type Cidr, sameNetwork } from '../address.js';
import type { NetnsLink } from './facts.js';

/**
 * The interface of a namespace that takes an address: the wanted one, or the one that is called as at the source, or
 * one that is in the address's network already.
 *
 * @param dev The interface that has it at the source.
 */
export function deviceIn(
  links: NetnsLink[],
  cidr: Cidr,
  { wanted, dev }: { wanted?: string | undefined; dev?: string | undefined },
): NetnsLink | undefined {
  const called = (name: string | undefined) => links.find((link) => link.name === name);
  if (wanted !== undefined) return called(wanted);
  const near = ({ name, addresses }: NetnsLink) =>
    name !== 'lo' && addresses.some((address) => sameNetwork(address.split('/')[0] ?? '', cidr));
  return called(dev) ?? links.find(near);
}
