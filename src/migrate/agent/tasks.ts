// The restored processes: brought to life stopped, checked, released or killed.
import { setTimeout as sleep } from 'node:timers/promises';
import { Criu, criu_cg_mode, criu_network_lock_method } from '../../criu/index.js';
import { RoamError } from '../../errors.js';
import type { Place } from '../hold.js';
import { keepCriuLog } from '../logs.js';
import { lives, processTree, readTask } from '../proc.js';
import { resumeContexts, withContexts } from '../rdma.js';

export interface RestoreOrder {
  criu: string;
  dir: string;
  id: string;
  shellJob: boolean;
  tcpClose: boolean;
  pids: number[];
  /** Private memory comes later, from a daemon that waits in the directory of the images. */
  lazy: boolean;
}

export const RESTORE_LOG = 'restore.log';

/**
 * Restores the tree, stopped, its QPs stopped too.
 *
 * The root becomes a child of this process (rst_sibling), in a session of its own or that of the CRIU
 * process: a stopped task whose process group is orphaned would get SIGHUP.
 */
export async function restoreTree({ criu: path, dir, id, shellJob, tcpClose, lazy }: RestoreOrder) {
  const started = performance.now();
  await using criu = await Criu.swrk({ path, env: { ROAM_DEFER_RESUME: '1' } });
  const restoring = criu.restore({
    imagesDir: `${dir}/images`,
    logFile: RESTORE_LOG,
    logLevel: 4,
    leaveStopped: true,
    rstSibling: true,
    lazyPages: lazy,
    tcpEstablished: true,
    tcpClose,
    shellJob,
    fileLocks: true,
    linkRemap: true,
    evasiveDevices: true,
    extUnixSk: true,
    manageCgroupsMode: criu_cg_mode.IGNORE,
    // The connections are locked by the agent's own table, which outlives CRIU.
    networkLock: criu_network_lock_method.SKIP,
  });
  const { pid } = await restoring.catch(async (error) => {
    throw await keepCriuLog(error, `${dir}/images/${RESTORE_LOG}`, id);
  });
  return { pid, ms: performance.now() - started };
}

/** Contexts that are not whole and QPs that already run, among those of the restored processes. */
export async function verifyTree(pids: number[]) {
  const missing: number[] = [];
  for (const pid of pids) await readTask(pid).catch(() => missing.push(pid));
  if (missing.length > 0) {
    throw new RoamError('RESTORE_INCOMPLETE', `restored process ${missing.join(', ')} is gone`);
  }
  return withContexts(pids, (contexts) => {
    const notPinned: string[] = [];
    const notStopped: number[] = [];
    const places: Place[] = [];
    for (const context of contexts) {
      const { contextState } = context.query();
      if (contextState !== 'pinned')
        notPinned.push(`${context.device} of process ${context.pid} is ${contextState}`);
      for (const { qpn, sgid, migrationState } of context.listQps()) {
        if (migrationState === 'running') notStopped.push(qpn);
        places.push({ qpn, sgid });
      }
    }
    return { contexts: contexts.length, notPinned, notStopped, places };
  });
}

/**
 * Lets QPs and tasks run. The source is dead by now: what can't be resumed is told, and the rest goes on.
 *
 * QPs first: a task that runs on a stopped QP only waits, but one that is faster than its QP may time out.
 *
 * @throws RoamError RESUME_FAILED when no task goes on
 */
export async function resumeTree(pids: number[], stopped: number[]) {
  const { contexts, failures } = await resumeContexts(pids).catch((error: Error) => ({
    contexts: 0,
    failures: [error.message],
  }));
  const warnings = failures.map((failure) => `resuming the QPs: ${failure}`);
  const wanted = pids.filter((pid) => !stopped.includes(pid));
  const running = wanted.filter((pid) => {
    try {
      return process.kill(pid, 'SIGCONT');
    } catch (error) {
      warnings.push(`process ${pid}: ${(error as Error).message}`);
      return false;
    }
  });
  if (wanted.length > 0 && running.length === 0) throw new RoamError('RESUME_FAILED', warnings.join('; '));
  return { contexts, warnings };
}

/** QPNs whose peers have not acknowledged Resume yet. */
export function stillResuming(pids: number[]): Promise<number[]> {
  return withContexts(pids, (contexts) =>
    contexts.flatMap((context) =>
      context.listQps().flatMap(({ qpn, migrationState }) => (migrationState === 'resuming' ? [qpn] : [])),
    ),
  );
}

/** Kills what a failed restore left: only descendants of this process, because a pid may be another's. */
export async function killTasks(pids: number[]): Promise<void> {
  const wanted = new Set(pids);
  // Children first: the end of a parent would set a stopped child free before its turn comes.
  const own = (await processTree(process.pid)).filter(({ pid }) => wanted.has(pid)).reverse();
  for (const { pid } of own) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
  for (const { pid } of own) {
    // A zombie has let go of its QPs, sockets and memory.
    for (let tries = 0; tries < 500 && (await lives(pid)); tries++) await sleep(10);
  }
}
