// Said before anything is asked of CRIU, the kernel or root's files: what they refuse says nothing of the reason.
import { RoamError } from '../errors.js';

/** @throws RoamError NOT_ROOT */
export function demandRoot(): void {
  const uid = process.geteuid?.();
  if (uid === 0) return;
  throw new RoamError('NOT_ROOT', `roam is not root (its user id is ${uid})`, {
    remedy: 'CRIU needs root on both hosts: run it with sudo, and log in at the destination as root',
  });
}
