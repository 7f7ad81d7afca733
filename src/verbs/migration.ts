import { RoamError } from '../errors.js';
import { rxeCall } from '../rxe/call.js';
import { migrationState } from '../rxe/qp.js';
import type { MigrationState } from '../rxe/types.js';
import { verbs } from './addon.js';
import type { ContextScope } from './scope.js';

/** What a QP does about migration; `unsupported` without the module of this package. */
export type QpMigrationState = MigrationState | 'unsupported';

/** `undefined` where the module is not ours. */
export function migrationCall<T>(scope: ContextScope, call: (fd: number) => T): T | undefined {
  try {
    return rxeCall(scope.device, scope.commandFd, () => call(scope.commandFd));
  } catch (error) {
    if (error instanceof RoamError && error.code === 'ROAM_UNSUPPORTED') return undefined;
    throw error;
  }
}

export function qpMigrationState(scope: ContextScope, qpn: number): QpMigrationState {
  const qps = migrationCall(scope, (fd) => verbs().rxeListQps(fd, false));
  if (qps === undefined) return 'unsupported';
  const found = qps.find((qp) => qp.qpn === qpn);
  return found === undefined ? 'running' : migrationState(found.migrationFlags);
}

/** @param qpn 0: every QP of the context. @throws {RoamError} `ROAM_UNSUPPORTED` */
export function stopQps(scope: ContextScope, qpn: number): void {
  rxeCall(scope.device, scope.commandFd, () => verbs().rxeStop(scope.commandFd, qpn, false));
}

/** @param qpn 0: every QP of the context. @throws {RoamError} `ROAM_UNSUPPORTED` */
export function resumeQps(scope: ContextScope, qpn: number): void {
  rxeCall(scope.device, scope.commandFd, () => verbs().rxeResume(scope.commandFd, qpn, false));
}
