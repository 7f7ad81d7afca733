import { verbs, verbsCall } from './addon.js';
import { type AddressVector, Ah, nativeAddress } from './ah.js';
import type { Cq } from './cq.js';
import { allocate, assertMemory, type Memory, type MemoryOptions } from './memory.js';
import { Mr, type MrOptions, type Sge } from './mr.js';
import { Mw } from './mw.js';
import type { NativePd } from './native-objects.js';
import { destroyer, Life, VerbsObject } from './ownership.js';
import { Qp } from './qp.js';
import type { QpOptions } from './qp-create.js';
import type { ContextScope } from './scope.js';
import { Srq, type SrqOptions } from './srq.js';
import type { Xrcd } from './xrcd.js';

const ADVICE = { PREFETCH: 0, PREFETCH_WRITE: 1, PREFETCH_NO_FAULT: 2 } as const;

/** A protection domain, ibv_alloc_pd(3): only what belongs to one works together. */
export class Pd extends VerbsObject {
  /** @internal */
  readonly native: NativePd;
  readonly #scope: ContextScope;

  /** @internal Use `context.allocPd()`. */
  constructor(scope: ContextScope) {
    const native = verbsCall('no PD', () => verbs().pdAlloc(scope.native));
    super(new Life('PD', 'a PD', [scope.life], { destroy: destroyer('the PD', native) }));
    this.native = native;
    this.#scope = scope;
  }

  /**
   * Memory and its MR in one: page-aligned, zeroed, given back when the MR is closed.
   *
   * @param length Bytes.
   * @throws {VerbsError} `ENOMEM`, also beyond RLIMIT_MEMLOCK
   */
  alloc(length: number, options: Omit<MrOptions, 'offset' | 'length'> & MemoryOptions = {}): Mr {
    this.life.check();
    const memory = allocate(length, options);
    try {
      return new Mr(this.native, this.life, memory, options, true);
    } catch (error) {
      memory.free();
      throw error;
    }
  }

  /**
   * An MR over memory, or a part of it, that outlives the MR; several may overlap. ibv_reg_mr(3).
   *
   * @throws {TypeError} for memory that is not from `allocate()` @throws {RangeError} beyond its end
   * @throws {VerbsError} `ENOMEM`, also beyond RLIMIT_MEMLOCK; `EINVAL`, `EOPNOTSUPP` for rights that the
   * device does not give
   */
  register(memory: Memory, options: MrOptions = {}): Mr {
    this.life.check();
    assertMemory(memory);
    return new Mr(this.native, this.life, memory, options, false);
  }

  /**
   * Tells the device what is going to be used, ibv_advise_mr(3); for MRs with on-demand paging.
   *
   * @throws {VerbsError} `EOPNOTSUPP` when the device cannot be advised
   */
  advise(advice: keyof typeof ADVICE, ranges: readonly Sge[], { flush = true } = {}): void {
    this.life.check();
    const native = ranges.map(({ mr, offset, length }) => ({ mr: mr.native, offset, length }));
    verbsCall('the MRs cannot be advised', () =>
      verbs().mrAdvise(this.native, ADVICE[advice], flush ? 1 : 0, native),
    );
  }

  /** @throws {VerbsError} `EINVAL`: the device has no such QPs, or not that large. */
  createQp(options: Omit<QpOptions, 'xrcd'> & { sendCq: Cq }): Qp {
    this.life.check();
    return new Qp(this.#scope, this, options);
  }

  /** A shared receive queue, ibv_create_srq(3); with `xrcd` and `cq` one for XRC. */
  createSrq(options: SrqOptions & { xrcd?: Xrcd; cq?: Cq } = {}): Srq {
    this.life.check();
    return new Srq(this.#scope, this, options);
  }

  /** An address handle, ibv_create_ah(3): the destination of a UD message. */
  createAh(address: AddressVector): Ah {
    this.life.check();
    return new Ah(this.native, this.life, nativeAddress(address));
  }

  /** A memory window, ibv_alloc_mw(3). */
  allocMw(type: 1 | 2 = 1): Mw {
    this.life.check();
    return new Mw(this.native, this.life, type);
  }
}
