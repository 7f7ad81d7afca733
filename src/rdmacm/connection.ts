import type { Qp } from '../verbs/qp.js';
import type { CmAddress, NativeParameters } from './addon.js';
import type { CmId } from './cm-id.js';

/** What both ends may say about a connection, `rdma_conn_param`. */
export interface CmParameters {
  /** For the peer: 56 bytes with a request, 196 with its acceptance. */
  privateData?: Uint8Array;
  /** READs and atomics that the peer may have outstanding. Default: 16. */
  responderResources?: number;
  /** READs and atomics outstanding. Default: 16. */
  initiatorDepth?: number;
  /** Default: 7. */
  retryCount?: number;
  /** Default: 7, without end. */
  rnrRetry?: number;
}

export function nativeParameters(
  qp: Qp,
  { privateData, responderResources = 16, initiatorDepth = 16, retryCount = 7, rnrRetry = 7 }: CmParameters,
): NativeParameters {
  const options = { responderResources, initiatorDepth, retryCount, rnrRetry };
  return { qpn: qp.qpn, srq: false, ...options, ...(privateData === undefined ? {} : { privateData }) };
}

/** An RC QP that rdma_cm has connected. */
export class CmConnection implements AsyncDisposable {
  readonly qp: Qp;
  /** What the peer has sent with its request, or with its acceptance; as long as the protocol makes it. */
  readonly privateData: Buffer;
  readonly local?: CmAddress;
  readonly remote?: CmAddress;
  /** Resolves when the connection has ended, from either side; the QP is in ERR then. */
  readonly ended: Promise<void>;
  readonly #id: CmId;

  /** @internal Use {@link connect}, or `request.accept()`. */
  constructor(id: CmId, qp: Qp, privateData: Buffer) {
    const { local, remote } = id.route();
    this.qp = qp;
    this.privateData = privateData;
    this.local = local;
    this.remote = remote;
    this.#id = id;
    this.ended = id.ended.then(() => fail(qp));
  }

  /** Disconnects, which the peer is told. The QP is then in ERR, and stays the caller's to close. Idempotent. */
  async close(): Promise<void> {
    fail(this.qp);
    this.#id.close();
    await this.ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** What was posted is flushed: its completions come, as errors. */
function fail(qp: Qp): void {
  try {
    if (!qp.closed) qp.modify({ state: 'ERR' });
  } catch {
    // It is being closed, which does the same.
  }
}
