// What CRIU is told of the restore of a container, over what its runtime asks for.
import { criu_network_lock_method } from '../../criu/index.js';
import { RESTORE_LOG } from '../agent/tasks.js';

/** @param imagesDir Absolute; CRIU's log goes there too. @param tcpClose TCP connections come back closed. */
export const restoreOptions = (imagesDir: string, tcpClose: boolean) => ({
  imagesDir,
  logFile: RESTORE_LOG,
  logLevel: 4,
  leaveStopped: true,
  tcpEstablished: true,
  tcpClose,
  fileLocks: true,
  linkRemap: true,
  evasiveDevices: true,
  extUnixSk: true,
  // The connections are locked by a table of our own, which outlives CRIU.
  networkLock: criu_network_lock_method.SKIP,
});
