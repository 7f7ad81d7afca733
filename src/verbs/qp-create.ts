import { verbs, verbsCall } from './addon.js';
import type { Cq } from './cq.js';
import type { CqCore } from './cq-core.js';
import { QP_TYPES, type QpType } from './enums.js';
import type { NativeQpHandle, QpCap } from './native-objects.js';
import { Life } from './ownership.js';
import type { Pd } from './pd.js';
import { drainQp } from './qp-drain.js';
import type { ContextScope } from './scope.js';
import type { Srq } from './srq.js';
import type { Xrcd } from './xrcd.js';

export interface QpOptions {
  /** Default: `RC`. */
  type?: QpType;
  sendCq?: Cq;
  /** Default: the send CQ. */
  recvCq?: Cq;
  srq?: Srq;
  /** Of an XRC target. */
  xrcd?: Xrcd;
  /** Default: 128 work requests of one SGE each way, nothing inline. */
  cap?: QpCap;
}

export interface CreatedQp {
  native: NativeQpHandle;
  life: Life;
  type: QpType;
  sendCq?: Cq;
  recvCq?: Cq;
  /** Both, or the one that both are. */
  cqs: CqCore[];
}

/** Makes the device's QP, and says how it ends. */
export function createQp(scope: ContextScope, pd: Pd | undefined, options: QpOptions): CreatedQp {
  const { type = 'RC', sendCq, recvCq = sendCq, srq, xrcd, cap = {} } = options;
  if (QP_TYPES[type] === undefined) {
    throw new RangeError(`type: ${type} is none of ${Object.keys(QP_TYPES).join(', ')}`);
  }
  for (const part of [sendCq, recvCq, srq, xrcd]) part?.life.check();
  const native = verbsCall('no QP', () =>
    verbs().qpCreate(scope.native, {
      type: QP_TYPES[type],
      pd: pd?.native,
      sendCq: sendCq?.core.native,
      recvCq: recvCq?.core.native,
      srq: srq?.native,
      xrcd: xrcd?.native,
      cap: { maxSendWr: 128, maxRecvWr: srq === undefined ? 128 : 0, maxSendSge: 1, maxRecvSge: 1, ...cap },
    }),
  );
  const what = `QP ${native.qpn}`;
  const cqs = [...new Set([sendCq, recvCq])].filter((cq) => cq !== undefined).map(({ core }) => core);
  const life = new Life(
    'QP',
    what,
    [pd?.life ?? scope.life, sendCq?.life, recvCq?.life, srq?.life, xrcd?.life],
    {
      quiesce: () => drainQp(native, cqs),
      destroy: () => {
        verbsCall(`${what} cannot be closed`, () => verbs().objectDestroy(native));
        for (const cq of cqs) cq.abandon(native, native.qpn);
      },
    },
  );
  if (recvCq !== undefined) srq?.completesOn(recvCq.core);
  return { native, life, type, sendCq, recvCq, cqs };
}
