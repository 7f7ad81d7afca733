// When pre-copy has done what it can: figures in, a decision out.
import { PAGE } from '../criu/pages/protocol.js';
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
  /** With post-copy: what of `pages` need not go in the freeze unless it is pinned, and what can be pinned at most. */
  postCopy?: { deferrable: number; pinned: number };
  /** For how long CRIU held the tasks, in milliseconds. */
  frozenMs: number;
}

/** What of the blackout does not depend on memory. */
export interface FixedCosts {
  /** One request to the agent and its answer, in milliseconds. */
  roundTripMs: number;
  qps: number;
}

export interface ConvergenceLimits {
  /** Longest blackout that is wanted, in milliseconds. */
  maxBlackoutMs?: number;
  maxRounds: number;
}

export type Decision = 'again' | 'freeze' | 'no-convergence';

/** Requests to the agent between freeze and resume. */
const REQUESTS_IN_BLACKOUT = 8;

/**
 * The freeze of a pre-dump stops and infects every task, as that of the dump does; the dump then reads the rest of
 * their state and the destination builds it again. So many times the former, from measurements in the lab.
 */
const FREEZES_IN_BLACKOUT = 6;

/** Stop, dump, restore and resume of one QP, its queues included, in milliseconds. */
const QP_MS = 0.5;

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
  const left = pagesLeft(described);
  return {
    ...described,
    dirtyRate: Math.round(perSecond(pages)),
    predictedMs: Math.round(predictBlackout(measured, left, perSecond(left), rate, fixed)),
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
  { ms, frozenMs }: MeasuredRound,
  pages: number,
  dirtyRate: number,
  rate: number,
  { roundTripMs, qps }: FixedCosts,
): number {
  // A process cannot write to more pages than it uses, and those it wrote to in this round are all that is known.
  const dirty = Math.min((dirtyRate * ms) / 1000, Math.max(pages, LITTLE)) * PAGE;
  const sending = rate > 0 ? (dirty / rate) * 1000 : 0;
  return sending + frozenMs * FREEZES_IN_BLACKOUT + roundTripMs * REQUESTS_IN_BLACKOUT + qps * QP_MS;
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
