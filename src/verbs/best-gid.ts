import { isIPv4 } from 'node:net';
import { RoamError } from '../errors.js';
import type { GidInfo } from './devices.js';
import { gidOfAddress, sameGid } from './gid.js';

export interface GidChoice {
  /** From 1. Default: 1. */
  port?: number;
  /** An own IP address: the GID of exactly that one. */
  address?: string;
  /** An IP address of the peer: a GID of the same family. */
  peer?: string;
}

const isMapped = (gid: string) => gid.startsWith('::ffff:');
const isLinkLocal = (gid: string) => /^fe[89ab]/i.test(gid);

/**
 * The GID to connect from: RoCE v2, of the wanted address or family, IPv4 before global IPv6 before link
 * local.
 *
 * @throws {RoamError} `NO_GID` when there is none
 */
export function bestGid(
  device: string,
  gids: readonly GidInfo[],
  { port = 1, address, peer }: GidChoice,
): GidInfo {
  const usable = gids.filter((gid) => gid.port === port && gid.type === 'RoCE v2');
  const fits = usable.filter(({ gid }) => {
    if (address !== undefined) return sameGid(gid, gidOfAddress(address));
    return peer === undefined || isMapped(gid) === isIPv4(peer);
  });
  const rank = ({ gid }: GidInfo) => (isMapped(gid) ? 0 : isLinkLocal(gid) ? 2 : 1);
  const [best] = fits.sort((a, b) => rank(a) - rank(b) || a.index - b.index);
  if (best !== undefined) return best;
  const wanted = address ?? (peer === undefined ? undefined : `the family of ${peer}`);
  throw new RoamError(
    'NO_GID',
    `port ${port} of ${device} has no RoCE v2 GID${wanted === undefined ? '' : ` for ${wanted}`}`,
    { remedy: 'give its network device an address (ip address add), and see `roam devinfo`' },
  );
}
