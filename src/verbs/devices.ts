import { verbs, verbsCall } from './addon.js';

/** An entry of a GID table (ibv_query_gid_table(3)). */
export interface GidInfo {
  /** Index in the port's table; `sgid_index` of an address handle. */
  index: number;
  port: number;
  /** As an IPv6 address; `::ffff:10.0.0.1` for IPv4. */
  gid: string;
  /** `IB`, `RoCE v1` or `RoCE v2`. */
  type: string;
  /** Network device, absent for InfiniBand. */
  netdev?: string;
}

/** A port (ibv_query_port(3)). */
export interface PortInfo {
  port: number;
  /** `ACTIVE`, `DOWN`, `INIT`, `ARMED`, ... */
  state: string;
  /** Active path MTU in bytes. */
  mtu: number;
  linkLayer: string;
}

/** An RDMA device of this host. */
export interface DeviceInfo {
  /** `rxe0` */
  name: string;
  /** `uverbs0`, in /dev/infiniband. */
  uverbs: string;
  ports: PortInfo[];
  gids: GidInfo[];
  /** Why the device could not be opened; its ports and GIDs are unknown then. */
  problem?: string;
}

/**
 * The RDMA devices of this host; none when it has no RDMA at all.
 *
 * @throws {VerbsError} of libibverbs. @throws {RoamError} when the addon is not there.
 */
export function listDevices(): DeviceInfo[] {
  return verbsCall('the RDMA devices cannot be listed', () => verbs().listDevices());
}
