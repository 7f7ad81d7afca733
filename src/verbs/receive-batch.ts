import type { NativeReceiver } from './native-objects.js';
import { WorkBatch } from './work-batch.js';
import { encodeReceive, type ReceiveRequest, receiveStride } from './work-request.js';

export type { ReceiveRequest };

const hints = { EINVAL: 'a QP takes receives from INIT on: qp.init(), or connect first' };

/** Receives of a QP or an SRQ, ibv_post_recv(3). */
export class ReceiveBatch extends WorkBatch<ReceiveRequest> {
  readonly #queue: NativeReceiver;
  readonly #maxSge: number;

  /** @internal Use `prepareReceives()` of a QP or SRQ. */
  constructor(queue: NativeReceiver, maxSge: number) {
    super(receiveStride(maxSge), 'receives', hints, queue.receiveRound);
    this.#queue = queue;
    this.#maxSge = maxSge;
  }

  protected encode(index: number, request: ReceiveRequest, wrId?: number): void {
    encodeReceive(this.records.view, index, this.#maxSge, request, wrId);
  }

  protected submit(first: number, count: number): void {
    this.#queue.postReceive(this.records.bytes, this.records.stride, first, count);
  }
}
