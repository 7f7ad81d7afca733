import { setTimeout as sleep } from 'node:timers/promises';
import { verbs } from './addon.js';
import type { CqCore } from './cq-core.js';
import { QP_STATES } from './enums.js';
import type { NativeQpHandle } from './native-objects.js';

/** Milliseconds. A device that flushes nothing must not keep a QP from being closed. */
const PATIENCE = 2000;

function tries(call: () => void): boolean {
  try {
    call();
    return true;
  } catch {
    return false;
  }
}

/**
 * Brings a QP to ERR and takes the completions of everything posted on it, so that whoever waits for one
 * is told. Requests without a completion of their own are not waited for: the device is done with them
 * when the QP is destroyed.
 */
export async function drainQp(qp: NativeQpHandle, cqs: readonly CqCore[]): Promise<void> {
  const expected = () => {
    for (const cq of cqs) tries(() => cq.drain());
    const { send, receive } = verbs().qpInFlight(qp);
    return send + receive;
  };
  if (expected() === 0) return;
  if (!tries(() => verbs().qpModify(qp, { state: QP_STATES.ERR }))) return;
  const deadline = performance.now() + PATIENCE;
  while (expected() > 0 && performance.now() < deadline) await sleep(1);
}
