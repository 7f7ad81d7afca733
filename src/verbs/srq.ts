import { verbs, verbsCall } from './addon.js';
import type { Cq } from './cq.js';
import type { CqCore } from './cq-core.js';
import type { NativeSrq } from './native-objects.js';
import { destroyer, Life, VerbsObject } from './ownership.js';
import type { Pd } from './pd.js';
import { ReceiveBatch, type ReceiveRequest } from './receive-batch.js';
import type { ContextScope } from './scope.js';
import type { Xrcd } from './xrcd.js';

export interface SrqOptions {
  /** Work requests. Default: 256. */
  maxWr?: number;
  /** Scatter-gather elements of each. Default: 1. */
  maxSge?: number;
  /** An SRQ_LIMIT_REACHED event comes when fewer are left; 0: none. */
  limit?: number;
}

/** A shared receive queue, ibv_create_srq(3). */
export class Srq extends VerbsObject {
  /** @internal */
  readonly native: NativeSrq;
  readonly #batch: ReceiveBatch;
  /** Those of the QPs that take its receives. */
  readonly #cqs: Set<CqCore>;

  /** @internal Use `pd.createSrq()`. */
  constructor(scope: ContextScope, pd: Pd, options: SrqOptions & { xrcd?: Xrcd; cq?: Cq }) {
    const { maxWr = 256, maxSge = 1, limit = 0, xrcd, cq } = options;
    for (const part of [xrcd, cq]) part?.life.check();
    const native = verbsCall('no SRQ', () =>
      verbs().srqCreate(pd.native, { maxWr, maxSge, limit, xrcd: xrcd?.native, cq: cq?.core.native }),
    );
    const cqs = new Set<CqCore>(cq === undefined ? [] : [cq.core]);
    super(
      new Life('SRQ', 'an SRQ', [pd.life, xrcd?.life, cq?.life], {
        // What its receives have brought is told of before nobody knows them any more.
        quiesce: async () => {
          for (const core of cqs) core.drain();
        },
        destroy: destroyer('the SRQ', native),
      }),
    );
    this.#cqs = cqs;
    this.native = native;
    scope.track(native.id, this);
    this.#batch = new ReceiveBatch(native, native.maxSge);
  }

  /** @internal A QP completes its receives there. */
  completesOn(cq: CqCore): void {
    this.#cqs.add(cq);
  }

  /** XRC: the number by which senders name it. */
  get number(): number | undefined {
    return this.native.number;
  }

  /** Posts receives, ibv_post_srq_recv(3). @throws {VerbsError} `ENOMEM`: the queue is full */
  postRecv(...requests: ReceiveRequest[]): void {
    this.life.check();
    this.#batch.postNow(requests);
  }

  /** Receives that are encoded once and posted many times. */
  prepareReceives(): ReceiveBatch {
    this.life.check();
    return new ReceiveBatch(this.native, this.native.maxSge);
  }

  /** ibv_modify_srq(3). @throws {VerbsError} `EINVAL`, `EOPNOTSUPP` */
  modify(options: { maxWr?: number; limit?: number }): void {
    this.life.check();
    verbsCall('the SRQ cannot be modified', () => verbs().srqModify(this.native, options));
  }

  query(): { maxWr: number; maxSge: number; limit: number } {
    this.life.check();
    return verbsCall('the SRQ cannot be queried', () => verbs().srqQuery(this.native));
  }
}
