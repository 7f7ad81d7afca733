import { verbs, verbsCall } from './addon.js';
import { gidBytes } from './gid.js';
import type { NativeAddress, NativeAh, NativePd } from './native-objects.js';
import { destroyer, Life, VerbsObject } from './ownership.js';

/** Where packets go, `ibv_ah_attr`. RoCE needs `dgid` and `sgidIndex`. */
export interface AddressVector {
  /** Local port, from 1. Default: 1. */
  port?: number;
  /** The destination, written as an IPv6 address. */
  dgid?: string;
  /** Own GID, as an index into the port's table. */
  sgidIndex?: number;
  /** Default: 64. */
  hopLimit?: number;
  trafficClass?: number;
  flowLabel?: number;
  /** InfiniBand only. */
  dlid?: number;
  /** Service level. */
  sl?: number;
  staticRate?: number;
  srcPathBits?: number;
}

export function nativeAddress({ dgid, port = 1, hopLimit = 64, ...rest }: AddressVector): NativeAddress {
  return { ...rest, port, hopLimit, ...(dgid === undefined ? {} : { dgid: gidBytes(dgid) }) };
}

/** An address handle: the destination of a UD message. */
export class Ah extends VerbsObject {
  /** @internal */
  readonly native: NativeAh;

  /** @internal Use `pd.createAh()`. */
  constructor(pd: NativePd, parent: Life, address: NativeAddress) {
    const native = verbsCall('no AH', () => verbs().ahCreate(pd, address));
    super(new Life('AH', 'an AH', [parent], { destroy: destroyer('the AH', native) }));
    this.native = native;
  }
}
