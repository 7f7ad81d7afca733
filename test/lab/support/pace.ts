import type { Tool } from './perftest.js';

export interface Work {
  tool: Tool;
  size: number;
  qps: number;
  duplex: boolean;
}

/** Seconds per message, and per byte, of a pair of emulated nodes: good enough for a probe. */
const PER_MESSAGE = 0.0009;
const PER_BYTE = 1 / 5e6;
const PROBE_SECONDS = 1.5;

/** Iterations per QP of a short run that measures how fast these nodes are. */
export function probeIterations({ tool, size, qps, duplex }: Work): number {
  const bytes = tool === 'ib_atomic_bw' ? 8 : size;
  const perMessage = (PER_MESSAGE + bytes * PER_BYTE) * (duplex ? 2 : 1);
  return roundUp(PROBE_SECONDS / perMessage / qps);
}

/** Iterations per QP that take so many seconds, from a row of perftest's table. */
export function iterationsFor({ tool, qps, duplex }: Work, row: number[], seconds: number): number {
  const perSecond = tool.endsWith('_lat')
    ? // The sixth column is the average latency, half a round trip, in microseconds.
      1e6 / ((row[5] ?? 0) * 2)
    : // The fifth one is the rate in millions of messages per second, of both directions and all QPs.
      ((row[4] ?? 0) * 1e6) / (duplex ? 2 : 1);
  if (!Number.isFinite(perSecond) || perSecond <= 0)
    throw new Error(`perftest measured nothing: ${row.join(' ')}`);
  return roundUp((perSecond * seconds) / qps);
}

/** perftest wants a few iterations at least, and reports -n of 5 or more. */
function roundUp(iterations: number): number {
  return Math.max(10, Math.ceil(iterations));
}
