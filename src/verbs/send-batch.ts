import type { NativeQpHandle } from './native-objects.js';
import type { Life } from './ownership.js';
import { WorkBatch } from './work-batch.js';
import { encodeSend, type SendRequest, sendStride } from './work-request.js';

const hints = { EINVAL: 'a QP takes requests to send from RTS on: connect first' };

/** Requests to send of a QP, ibv_post_send(3). */
export class SendBatch extends WorkBatch<SendRequest> {
  readonly #qp: NativeQpHandle;
  readonly #life: Life;

  /** @internal Use `qp.prepareSends()`. */
  constructor(qp: NativeQpHandle, life: Life) {
    super(sendStride(qp.cap.maxSendSge), 'requests', hints, qp.sendRound);
    this.#qp = qp;
    this.#life = life;
  }

  protected encode(index: number, request: SendRequest, wrId?: number): void {
    encodeSend(this.records.view, index, this.#qp.cap.maxSendSge, request, wrId);
    // A bound window of type 2 holds its QP in the kernel, which cannot be destroyed before it.
    if (request.opcode === 'BIND_MW' && request.mw.type === 2) request.mw.life.use(this.#life);
  }

  protected submit(first: number, count: number): void {
    this.#qp.postSend(this.records.bytes, this.records.stride, first, count);
  }
}
