import type { WorkCompletion } from './completion.js';
import type { CqCore } from './cq-core.js';

/**
 * Posts one request and resolves with its completion. Aborting rejects the promise and changes nothing
 * else: the request stays with the device, its MRs in use, until it is complete; but nobody waits for it,
 * and the process may end.
 *
 * @param owner The QP, for when it is gone. @param keep Held as long as the promise is open.
 */
export async function posted(
  cq: CqCore,
  owner: object,
  keep: object,
  signal: AbortSignal | undefined,
  post: (wrId: number) => void,
): Promise<WorkCompletion> {
  signal?.throwIfAborted();
  let onAbort = () => {};
  try {
    return await new Promise((resolve, reject) => {
      const wrId = cq.expect({ owner, resolve, reject });
      onAbort = () => {
        cq.forget(wrId);
        reject(signal?.reason);
      };
      try {
        post(wrId);
      } catch (error) {
        cq.forget(wrId);
        throw error;
      }
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  } finally {
    signal?.removeEventListener('abort', onAbort);
    holdUntilHere(keep);
  }
}

/** The engine must not find an object unused while something of it is awaited. */
function holdUntilHere(_: object): void {}
