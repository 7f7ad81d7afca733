import { verbs, verbsCall } from './addon.js';
import type { NativeContextHandle, NativeXrcd } from './native-objects.js';
import { destroyer, Life, VerbsObject } from './ownership.js';

/** An XRC domain, ibv_open_xrcd(3). */
export class Xrcd extends VerbsObject {
  /** @internal */
  readonly native: NativeXrcd;

  /** @internal Use `context.openXrcd()`. */
  constructor(context: NativeContextHandle, parent: Life, fd?: number) {
    const native = verbsCall('no XRCD', () => verbs().xrcdOpen(context, { fd }));
    super(new Life('XRCD', 'an XRCD', [parent], { destroy: destroyer('the XRCD', native) }));
    this.native = native;
  }
}
