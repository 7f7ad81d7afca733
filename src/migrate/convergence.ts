// When pre-copy has done what it can: figures in, a decision out.
import type { PreCopyRound } from './types.js';

/** What was measured of a round. */
export interface MeasuredRound {
  /** Wall time in milliseconds. */
  ms: number;
  /** From the snapshot of the round before to that of this one, in milliseconds; absent in the first. */
  sinceLastMs?: number;
  pages: number;
  unchanged: number;
  bytes: number;
  /** Pages that CRIU read and handed over, also those that turned out to be unchanged. */
  handed: number;
  /** With post-copy: what of `pages` need not go in the freeze unless it is pinned, and what can be pinned at most. */
  postCopy?: { deferrable: number; pinned: number };
}

/** What of the blackout does not depend on memory. */
export interface FixedCosts {
  /** What a round takes of its own: to start CRIU and the page server, to stop and infect the tasks. In milliseconds. */
  setupMs: number;
  qps: number;
  container: boolean;
}

export interface ConvergenceLimits {
  /** Longest blackout that is wanted, in milliseconds. */
  maxBlackoutMs?: number;
  maxRounds: number;
}

export type Decision = 'again' | 'freeze' | 'no-convergence';

/**
 * A blackout that hardly any memory is sent in, in setups of a round: the dump, the images, the address, the restore
 * and the verification each start a program or wait for the other host as that does. It is the host's own speed that
 * this takes for measure. From moves in the lab, 2.6 to 5.
 */
const SETUPS_IN_BLACKOUT = 4;

/** What runc or crun adds to that, at both ends. Docker and Podman add more, which is not predicted. */
const SETUPS_OF_CONTAINER = 2;

/** What a QP with its queues and four MRs adds, in setups of a round (bench: blackout). */
const SETUPS_PER_QP = 0.02;

/** A round that finds this little that a freeze would have to send has nothing left to gain, in pages. */
const LITTLE = 256;

/** A round that leaves a freeze more than this part of what the one before left it does not converge. */
const SHRINKS = 0.8;

/** Turns what was measured into a round of the report. */
export function describeRound(round: number, measured: MeasuredRound, fixed: FixedCosts): PreCopyRound {
  const { ms, sinceLastMs, pages, unchanged, bytes, postCopy } = measured;
  const rate = bytes / Math.max(ms / 1000, 0.001);
  const described: PreCopyRound = {
    round,
    ms: Math.round(ms),
    bytes,
    pages,
    unchanged,
    ...(postCopy ? { inFreeze: pagesInFreeze(pages, postCopy) } : {}),
    rate: Math.round(rate),
  };
  if (sinceLastMs === undefined) return described;
  const perSecond = (count: number) => count / Math.max(sinceLastMs / 1000, 0.001);
  return {
    ...described,
    dirtyRate: Math.round(perSecond(pages)),
    predictedMs: Math.round(predictBlackout(measured, pagesLeft(described), fixed)),
  };
}

/** Which of the deferrable pages are pinned is not known while the QPs run: at worst, all that can be. */
function pagesInFreeze(
  pages: number,
  { deferrable, pinned }: { deferrable: number; pinned: number },
): number {
  return pages - deferrable + Math.min(deferrable, pinned);
}

/** What a round leaves to a freeze of what it sent, if the process goes on as it did, in pages. */
export const pagesLeft = ({ pages, inFreeze }: PreCopyRound): number => inFreeze ?? pages;

/** Whether a freeze would have so little to send that memory is not what makes it long. */
export const isLittle = (round: PreCopyRound): boolean => pagesLeft(round) <= LITTLE;

/** If the tasks were frozen now: what has been written since this round's snapshot is sent, the rest is fixed. */
function predictBlackout(
  { ms, sinceLastMs = ms, pages, handed }: MeasuredRound,
  left: number,
  { setupMs, qps, container }: FixedCosts,
): number {
  // A process cannot write to more pages than it uses, and those it wrote to in this round are all that is known.
  const again = Math.min((handed / Math.max(sinceLastMs, 1)) * ms, Math.max(handed, LITTLE));
  const inFreeze = pages > 0 ? again * (left / pages) : again;
  const sending = handed > 0 ? Math.max(ms - setupMs, 0) * (inFreeze / handed) : 0;
  const setups = SETUPS_IN_BLACKOUT + (container ? SETUPS_OF_CONTAINER : 0) + qps * SETUPS_PER_QP;
  return sending + setupMs * setups;
}

/** Whether another round is worth its bytes. */
export function decide(rounds: PreCopyRound[], { maxBlackoutMs, maxRounds }: ConvergenceLimits): Decision {
  const last = rounds.at(-1);
  const before = rounds.at(-2);
  if (!last) return 'again';
  const shortEnough =
    maxBlackoutMs !== undefined && last.predictedMs !== undefined && last.predictedMs <= maxBlackoutMs;
  if (shortEnough) return 'freeze';
  const stuck = before !== undefined && rounds.length > 2 && pagesLeft(last) > pagesLeft(before) * SHRINKS;
  const nothingLeft = before !== undefined && isLittle(last);
  if (!stuck && !nothingLeft && rounds.length < maxRounds) return 'again';
  return maxBlackoutMs === undefined ? 'freeze' : 'no-convergence';
}
