import { verbs, verbsCall } from './addon.js';
import type { NativeMw, NativePd } from './native-objects.js';
import { destroyer, Life, VerbsObject } from './ownership.js';

/** A memory window, ibv_alloc_mw(3): a key of its own to a part of an MR, bound by a work request. */
export class Mw extends VerbsObject {
  /** @internal */
  readonly native: NativeMw;
  readonly type: 1 | 2;

  /** @internal Use `pd.allocMw()`. */
  constructor(pd: NativePd, parent: Life, type: 1 | 2) {
    const native = verbsCall('no MW', () => verbs().mwAlloc(pd, type));
    super(new Life('MW', `the MW ${native.rkey}`, [parent], { destroy: destroyer('the MW', native) }));
    this.native = native;
    this.type = type;
  }

  /** Key that peers need; binding changes it. */
  get rkey(): number {
    this.life.check();
    return verbs().mwRkey(this.native);
  }
}
