// What the blackout was made of.
import type { PhaseName } from '../migrate/types.js';
import { byteCount, percent, seconds } from './format.js';
import type { Outcome } from './types.js';

export interface Span {
  /** Milliseconds from the start of the migration. */
  from: number;
  to: number;
}

export interface Share {
  phase: PhaseName | 'in between';
  ms: number;
  /** Of the whole freeze, 0 to 1. */
  share: number;
}

/** When the process was stopped; undefined: it never was. */
export function freezeOf({ frozenAtMs, frozenMs }: Outcome): Span | undefined {
  if (frozenAtMs === undefined || frozenMs === undefined || frozenMs <= 0) return undefined;
  return { from: frozenAtMs, to: frozenAtMs + frozenMs };
}

/**
 * The moment after which nothing is undone any more, in milliseconds from the start: when CRIU is told to end the
 * source.
 */
export function commitOf({ phases }: Outcome): number | undefined {
  return phases.find(({ name }) => name === 'commit')?.startMs;
}

/** Two clocks are read for the end of the freeze and the begin of what follows it. */
const GRAZE_MS = 2;

/** How long a phase and a span such as the freeze were at once, in milliseconds. */
export function overlap(phase: { startMs: number; ms: number }, span: Span | undefined): number {
  if (!span) return 0;
  const { startMs, ms } = phase;
  const both = Math.min(span.to, startMs + ms) - Math.max(span.from, startMs);
  return both <= 0 || (both < GRAZE_MS && both < ms) ? 0 : both;
}

/** The phases of the freeze, the longest first; what no phase accounts for is `in between`. */
export function sharesOf(outcome: Outcome): Share[] {
  const freeze = freezeOf(outcome);
  if (!freeze) return [];
  const whole = freeze.to - freeze.from;
  const parts = new Map<PhaseName, number>();
  for (const phase of outcome.phases) {
    const ms = overlap(phase, freeze);
    if (ms > 0) parts.set(phase.name, (parts.get(phase.name) ?? 0) + ms);
  }
  const known = [...parts.values()].reduce((sum, ms) => sum + ms, 0);
  const shares: Share[] = [...parts].map(([phase, ms]) => ({ phase, ms, share: ms / whole }));
  if (whole - known >= 1)
    shares.push({ phase: 'in between', ms: whole - known, share: (whole - known) / whole });
  return shares.sort((a, b) => b.ms - a.ms);
}

const WORK: Partial<Record<PhaseName, string>> = {
  dump: 'stopping the tasks and reading their state',
  transfer: 'sending images and files',
  address: 'moving the address and the TCP connections',
  restore: 'making the processes again from the images',
  verify: 'checking what was restored',
  commit: 'ending the process at the source',
  resume: 'letting QPs and tasks run',
  rollback: 'undoing what had been done',
};

/** What is sent grows with what the process has written to. */
const SENDING = new Set<Share['phase']>(['dump', 'transfer']);

/** The longest phase of the freeze in words; undefined where nothing was stopped. */
export function limitOf(outcome: Outcome): string | undefined {
  const [longest] = sharesOf(outcome);
  const freeze = freezeOf(outcome);
  if (!longest || !freeze) return undefined;
  const { phase, ms, share } = longest;
  const work = phase === 'in between' ? '' : `, ${WORK[phase] ?? phase}`;
  const { bytes } = outcome;
  const sent = bytes && SENDING.has(phase) ? ` (${byteCount(bytes)} were sent in the freeze)` : '';
  return `${phase} took ${seconds(ms)} of ${seconds(freeze.to - freeze.from)} (${percent(share)})${work}${sent}`;
}
