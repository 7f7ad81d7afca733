import { RoamError } from '../errors.js';
import { WC_FLAGS, type WcOpcode, type WcStatus, wcOpcode, wcStatus } from './enums.js';

/** Bytes of a record that native/verbs/objects/cq.cc writes. */
const RECORD = 64;

/** One completion, ibv_poll_cq(3). Of a failed one only status, wrId, qpn and vendorError mean something. */
export interface WorkCompletion {
  /** The number given with the work request. */
  wrId: number;
  status: WcStatus;
  /** What was completed; of a failed one only whether it was a receive is known. */
  opcode?: WcOpcode;
  /** Whether it ends a receive. */
  receive: boolean;
  /** Bytes received, or read by a READ. */
  byteLength: number;
  qpn: number;
  vendorError: number;
  /** Immediate data of the peer, as the number that it sent. */
  immediate?: number;
  /** The key that the peer's SEND_WITH_INV invalidated. */
  invalidatedRkey?: number;
  /** UD: the sender. */
  sourceQpn?: number;
  /** UD: the first 40 bytes of the buffer are the global routing header. */
  hasGrh?: boolean;
}

/** A work request that ended with an error. `status` is that of the completion. */
export class WorkCompletionError extends RoamError {
  readonly status: WcStatus;
  readonly vendorError: number;
  readonly qpn: number;
  readonly wrId: number;

  constructor({ status, vendorError, qpn, wrId }: WorkCompletion) {
    super(
      `WC_${status}`,
      `a work request on QP ${qpn} failed: ${status}${explain(status)}`,
      remedies[status] === undefined ? {} : { remedy: remedies[status] },
    );
    this.status = status;
    this.vendorError = vendorError;
    this.qpn = qpn;
    this.wrId = wrId;
  }
}

const meanings: Partial<Record<WcStatus, string>> = {
  WR_FLUSH_ERR: 'the QP was in ERR, or went there, before it was carried out',
  RETRY_EXC_ERR: 'the peer did not answer',
  RNR_RETRY_EXC_ERR: 'the peer had no receive posted',
  REM_ACCESS_ERR: 'the peer refused the access: wrong rkey, range or rights',
  REM_INV_REQ_ERR: 'the peer found the request invalid, such as a message longer than its receive',
  REM_OP_ERR: 'the peer could not carry it out',
  LOC_PROT_ERR: 'a local buffer is not within its MR, or the MR lacks the right',
  LOC_LEN_ERR: 'a message is too long, for this QP or for the receive',
};
const remedies: Partial<Record<WcStatus, string>> = {
  RNR_RETRY_EXC_ERR: 'let the peer post receives first, or connect with rnrRetry: 7',
};

function explain(status: WcStatus): string {
  const meaning = meanings[status];
  return meaning === undefined ? '' : ` (${meaning})`;
}

/**
 * Room for completions that is used again and again: polling into it allocates nothing, and its methods
 * read single fields. Iterating over it makes {@link WorkCompletion} objects.
 */
export class CompletionBatch implements Iterable<WorkCompletion> {
  /** @internal */
  readonly records: Uint8Array;
  /** How many there are since the last poll. */
  length = 0;
  readonly capacity: number;
  readonly #doubles: Float64Array;
  readonly #words: Uint32Array;

  /** @param capacity Most completions that one poll takes. */
  constructor(capacity = 64) {
    if (!Number.isInteger(capacity) || capacity < 1 || capacity > 1 << 20) {
      throw new RangeError(`the capacity of a batch is a number from 1 to 1048576, not ${capacity}`);
    }
    this.capacity = capacity;
    const buffer = new ArrayBuffer(capacity * RECORD);
    this.records = new Uint8Array(buffer);
    this.#doubles = new Float64Array(buffer);
    this.#words = new Uint32Array(buffer);
  }

  wrId(index: number): number {
    return this.#doubles[index * 8] as number;
  }

  ok(index: number): boolean {
    return this.#words[index * 16 + 2] === 0;
  }

  status(index: number): WcStatus {
    return wcStatus(this.#word(index, 2));
  }

  byteLength(index: number): number {
    return this.#word(index, 5);
  }

  qpn(index: number): number {
    return this.#word(index, 7);
  }

  receive(index: number): boolean {
    return this.#words[index * 16 + 10] !== 0;
  }

  /** Only where the peer sent some; see {@link WorkCompletion.immediate}. */
  immediate(index: number): number | undefined {
    return (this.#word(index, 9) & WC_FLAGS.WITH_IMM) !== 0 ? this.#word(index, 6) : undefined;
  }

  get(index: number): WorkCompletion {
    if (!(index >= 0 && index < this.length)) throw new RangeError(`there is no completion ${index}`);
    const flags = this.#word(index, 9);
    const good = this.ok(index);
    return {
      wrId: this.wrId(index),
      status: this.status(index),
      ...(good ? { opcode: wcOpcode(this.#word(index, 3)) } : {}),
      receive: this.receive(index),
      byteLength: this.byteLength(index),
      qpn: this.qpn(index),
      vendorError: this.#word(index, 4),
      ...((flags & WC_FLAGS.WITH_IMM) !== 0 ? { immediate: this.#word(index, 6) } : {}),
      ...((flags & WC_FLAGS.WITH_INV) !== 0 ? { invalidatedRkey: this.#word(index, 6) } : {}),
      ...((flags & WC_FLAGS.GRH) !== 0 ? { sourceQpn: this.#word(index, 8), hasGrh: true } : {}),
    };
  }

  *[Symbol.iterator](): Iterator<WorkCompletion> {
    for (let index = 0; index < this.length; index++) yield this.get(index);
  }

  /** @internal Overwrites `to` with the completion at `from`. */
  move(from: number, to: number): void {
    if (from === to) return;
    this.records.copyWithin(to * RECORD, from * RECORD, (from + 1) * RECORD);
  }

  /** @internal A copy of one record. */
  record(index: number): Uint8Array {
    return this.records.slice(index * RECORD, (index + 1) * RECORD);
  }

  /** @internal Replaces what is there by records that were copied. */
  fill(records: readonly Uint8Array[]): void {
    for (const [index, record] of records.entries()) this.records.set(record, index * RECORD);
    this.length = records.length;
  }

  #word(index: number, field: number): number {
    return this.#words[index * 16 + field] as number;
  }
}
