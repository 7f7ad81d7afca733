// What a host says that may have peers. It needs no CRIU: nothing moves there.
import { hostname } from 'node:os';
import { localAddresses, rdmaLinks } from '../address.js';
import { deviceQps, moduleFacts } from '../rdma.js';

export interface PeerHost {
  hostname: string;
  addresses: string[];
  /** It has rxe devices. */
  hasRxe: boolean;
  /** The migratable module; absent: the stock one. */
  module?: { version: string; abi: number; keyId?: string };
  /** QPNs in use; absent on the stock module. */
  qpns?: number[];
}

export async function peerHost(): Promise<PeerHost> {
  const [module, links] = await Promise.all([moduleFacts(), rdmaLinks()]);
  const qpns = module ? (await deviceQps()).map(({ qpn }) => qpn) : undefined;
  return {
    hostname: hostname(),
    addresses: localAddresses().map(({ ip }) => ip),
    hasRxe: links.length > 0,
    ...(module ? { module: { version: module.version, abi: module.abi, keyId: module.keyId } } : {}),
    ...(qpns ? { qpns } : {}),
  };
}
