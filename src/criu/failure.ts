import { CriuError } from '../errors.js';
import type { ExchangeResult } from './exchange.js';
import { firstCriuError, lastLines } from './log.js';
import type { WorkerExit } from './worker.js';

/** CRIU's messages whose remedy is known. */
const remedies: ReadonlyArray<readonly [RegExp, string]> = [
  [/chr 231:\d+/, 'install the roam_rdma_plugin.so plugin in /usr/lib/criu, or set CRIU_LIBS_DIR'],
  [
    /io_uring/,
    'CRIU cannot dump io_uring: start the program again after `sysctl kernel.io_uring_disabled=2`',
  ],
  [/Connected TCP socket|--tcp-established/, 'set tcpEstablished, or close the TCP connections first'],
  [/shell-job|session leader/, 'set shellJob for a process that was started from a terminal'],
  [/iptables/, 'install iptables, or set networkLock to NFTABLES'],
  [/locks? .*file-locks|--file-locks/, 'set fileLocks'],
  [/CAP_CHECKPOINT_RESTORE|CAP_SYS_ADMIN|needs to run as root/, 'run it as root'],
];

/** All that is known when a request did not succeed. */
export interface FailureFacts {
  type: string;
  result: ExchangeResult;
  logText: string;
  logPath?: string;
  stderr: string;
  /** How the process ended, if it is one of our own. */
  exit?: WorkerExit;
}

/** The one error that a failed request becomes: what was done, how far it came, the first real reason. */
export function criuFailure(facts: FailureFacts): CriuError {
  const { type, result, logText, logPath, stderr, exit } = facts;
  const { response, stage, handlerError } = result;
  const output = logText === '' ? stderr : logText;
  const crErrmsg = response?.crErrmsg || undefined;
  const firstError = firstCriuError(output) ?? (crErrmsg && (firstCriuError(crErrmsg) ?? crErrmsg.trim()));

  const subject = `CRIU ${type.replace('SINGLE_', '').toLowerCase().replaceAll('_', '-')}`;
  const reached = stage === undefined ? '' : ` after ${stage}`;
  let message: string;
  if (handlerError !== undefined) {
    const reason = handlerError instanceof Error ? handlerError.message : String(handlerError);
    message = `${subject} was given up at ${stage}: ${reason}`;
  } else if (response === undefined) {
    message = `${subject} failed${reached}: CRIU ${endOf(exit)} without an answer${firstError ? `: ${firstError}` : ''}`;
  } else {
    const number = response.crErrno ? `error ${response.crErrno}` : 'CRIU gave no reason';
    message = `${subject} failed${reached}: ${firstError ?? number}`;
  }
  if (logPath !== undefined && logText !== '') message += ` (log: ${logPath})`;

  return new CriuError(
    message,
    {
      type,
      crErrno: response?.crErrno,
      crErrmsg,
      firstError,
      stage,
      logTail: output === '' ? undefined : lastLines(output, 40),
      logPath,
    },
    {
      code:
        handlerError !== undefined ? 'CRIU_CANCELLED' : response === undefined ? 'CRIU_DIED' : 'CRIU_FAILED',
      cause: handlerError,
      remedy: remedies.find(([pattern]) => firstError !== undefined && pattern.test(firstError))?.[1],
    },
  );
}

/** A service does not tell how its process ended. */
function endOf(exit: WorkerExit | undefined): string {
  if (exit === undefined) return 'hung up';
  return exit.signal ? `was killed by ${exit.signal}` : `ended with exit code ${exit.exitCode}`;
}
