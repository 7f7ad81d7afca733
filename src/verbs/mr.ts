import { verbs, verbsCall } from './addon.js';
import { type Access, accessBits } from './enums.js';
import type { Memory } from './memory.js';
import type { NativeMr, NativePd } from './native-objects.js';
import { destroyer, Life, VerbsObject } from './ownership.js';

export interface MrOptions {
  /** Default: LOCAL_WRITE, REMOTE_WRITE, REMOTE_READ, REMOTE_ATOMIC. */
  access?: readonly Access[];
  /** First byte and number of bytes of the memory; default: all of it. */
  offset?: number;
  length?: number;
  /** The address by which peers name its first byte; default: the one in this process. */
  iova?: bigint;
}

const ALL: readonly Access[] = ['LOCAL_WRITE', 'REMOTE_WRITE', 'REMOTE_READ', 'REMOTE_ATOMIC'];

/** A part of an MR, as a scatter-gather element. */
export interface Sge {
  mr: Mr;
  /** Bytes from the start of the MR. Default: 0. */
  offset?: number;
  /** Bytes. Default: to its end. */
  length?: number;
}

/**
 * Memory that the device may read and write, ibv_reg_mr(3). Closing it deregisters it; memory that came
 * from `pd.alloc()` is given back then, its buffer detached.
 */
export class Mr extends VerbsObject {
  /** @internal */
  readonly native: NativeMr;
  readonly memory: Memory;
  readonly offset: number;
  /** Bytes. */
  readonly length: number;

  /** @internal Use `pd.alloc()` or `pd.register()`. */
  constructor(pd: NativePd, parent: Life, memory: Memory, options: MrOptions, ownsMemory: boolean) {
    const { access = ALL, offset = 0, length = memory.length - offset, iova } = options;
    const native = verbsCall('no MR', () =>
      verbs().mrRegister(pd, memory.native, { offset, length, access: accessBits(access), iova }),
    );
    const destroy = destroyer(`the MR ${native.lkey}`, native);
    super(
      new Life('MR', `the MR ${native.lkey}`, [parent], {
        destroy: () => {
          destroy();
          if (ownsMemory) memory.free();
        },
      }),
    );
    this.native = native;
    this.memory = memory;
    this.offset = offset;
    this.length = length;
  }

  /** Key for local use. */
  get lkey(): number {
    return this.native.lkey;
  }

  /** Key that peers need. */
  get rkey(): number {
    return this.native.rkey;
  }

  /** The address by which peers name its first byte. */
  get address(): bigint {
    return this.native.address;
  }

  /** Its bytes; they vanish (length 0) when memory that `pd.alloc()` made is closed. */
  get bytes(): Uint8Array {
    this.life.check();
    return new Uint8Array(this.memory.buffer, this.offset, this.length);
  }

  get view(): DataView {
    this.life.check();
    return new DataView(this.memory.buffer, this.offset, this.length);
  }

  /** A part of it for a work request. */
  slice(offset = 0, length = this.length - offset): Required<Sge> {
    return { mr: this, offset, length };
  }

  /**
   * Changes its rights, ibv_rereg_mr(3); the keys may change.
   *
   * @throws {VerbsError} `EBUSY` while work requests use it; `EOPNOTSUPP` when the device cannot.
   */
  reregister({ access }: { access: readonly Access[] }): void {
    this.life.check();
    verbsCall(`${this.life.what} cannot be registered again`, () =>
      verbs().mrRereg(this.native, { access: accessBits(access) }),
    );
  }
}
