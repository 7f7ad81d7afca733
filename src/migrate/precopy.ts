// Pre-copy: memory is sent while the process runs, until little is left for the freeze.
import { criu_cg_mode, criuStats } from '../criu/index.js';
import { PAGE } from '../criu/pages/index.js';
import { RoamError } from '../errors.js';
import type { AgentClient } from './agent/client.js';
import { decide, describeRound, isLittle, pagesLeft } from './convergence.js';
import { SEIZE_TIMEOUT } from './dump.js';
import type { PageStream } from './pages.js';
import { pinnedBytes, processTree } from './proc.js';
import { trackMemory } from './rdma.js';
import type { SourceFacts } from './source.js';
import type { PreCopyOptions, PreCopyRound } from './types.js';

export const PRE_DUMP_LOG = 'pre-dump.log';

const DEFAULT_MAX_ROUNDS = 8;

export interface PreCopyContext {
  source: SourceFacts;
  agent: AgentClient;
  pages: PageStream;
  options: PreCopyOptions;
  /** Private memory that no device has pinned need not go in the freeze. */
  postCopy: boolean;
  onRound: (round: PreCopyRound) => void;
  warn: (message: string) => void;
  throwIfAborted: () => void;
}

/**
 * Runs rounds until the blackout is short enough or no round makes it shorter.
 *
 * @throws RoamError NO_CONVERGENCE when that is not short enough and `onNoConvergence` is `'stop'`
 */
export async function preCopy(c: PreCopyContext): Promise<PreCopyRound[]> {
  const { maxBlackoutMs, maxRounds = DEFAULT_MAX_ROUNDS, onNoConvergence = 'stop' } = c.options;
  const limits = { maxRounds, ...(maxBlackoutMs === undefined ? {} : { maxBlackoutMs }) };
  const rounds: PreCopyRound[] = [];
  const { rdma, container } = c.source;
  const fixed = {
    setupMs: Number.POSITIVE_INFINITY,
    qps: rdma.qpns.length,
    container: container !== undefined,
  };
  let snapshot: number | undefined;
  for (;;) {
    c.throwIfAborted();
    const pids = (await processTree(c.source.pid)).map(({ pid }) => pid);
    await trackMemory(pids);
    const started = performance.now();
    let imagesDir = '';
    const sent = await c.pages.preDump(({ criu, opts }) => {
      imagesDir = opts.imagesDir;
      return criu.preDump({ ...preDumpOptions(c.source), ...opts });
    });
    const { deferrable } = sent;
    const ms = performance.now() - started;
    const { pagesWritten, memwriteTime } = await criuStats(imagesDir);
    fixed.setupMs = Math.min(fixed.setupMs, Math.max(ms - memwriteTime / 1000, 0));
    const measured = {
      ...sent,
      ...(c.postCopy ? { postCopy: { deferrable, pinned: await pinnedPages(pids) } } : {}),
      ms,
      handed: Number(pagesWritten),
      ...(snapshot === undefined ? {} : { sinceLastMs: started - snapshot }),
    };
    snapshot = started;
    const round = describeRound(rounds.length + 1, measured, fixed);
    rounds.push(round);
    c.onRound(round);
    const decision = decide(rounds, limits);
    if (decision === 'freeze') return rounds;
    if (decision === 'no-convergence') {
      const words = noConvergence(round, maxBlackoutMs ?? 0);
      if (onNoConvergence === 'stop') {
        throw new RoamError('NO_CONVERGENCE', words, {
          remedy: 'allow a longer --max-blackout, or move it anyhow with --on-no-convergence go',
        });
      }
      c.warn(words);
      return rounds;
    }
  }
}

async function pinnedPages(pids: number[]): Promise<number> {
  const bytes = await Promise.all(pids.map(pinnedBytes));
  return bytes.reduce((sum, n) => sum + n, 0) / PAGE;
}

function preDumpOptions({ pid, shellJob, connections }: SourceFacts) {
  return {
    pid,
    logFile: PRE_DUMP_LOG,
    logLevel: 2,
    trackMem: true,
    leaveRunning: true,
    shellJob,
    tcpEstablished: connections.length > 0,
    fileLocks: true,
    linkRemap: true,
    evasiveDevices: true,
    extUnixSk: true,
    timeout: SEIZE_TIMEOUT,
    manageCgroupsMode: criu_cg_mode.IGNORE,
  };
}

function noConvergence(last: PreCopyRound, wanted: number): string {
  const { round, dirtyRate = 0, rate, predictedMs = 0 } = last;
  const mib = (bytes: number) => (bytes / 1048576).toFixed(1);
  const why = isLittle(last)
    ? `${pagesLeft(last)} pages would be left to send: most of it is to stop, read and restore the process, which no round shortens`
    : `${mib(dirtyRate * PAGE)} MiB/s are written, ${mib(rate)} MiB/s can be sent`;
  return (
    `pre-copy does not converge: after ${round} rounds the blackout would be ${(predictedMs / 1000).toFixed(2)} s, ` +
    `wanted are ${(wanted / 1000).toFixed(2)} s; ${why}`
  );
}
