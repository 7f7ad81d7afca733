import type { Tool } from './perftest.js';

/** Messages per second and direction that one pair of emulated nodes manages; measured, rounded down. */
const PACE = { perMessage: 0.0009, perByte: 1 / 5e6 };

export interface Work {
  tool: Tool;
  size: number;
  qps: number;
  seconds: number;
  duplex: boolean;
  events: boolean;
}

/** Iterations that keep a benchmark busy for about that long, per QP. */
export function iterationsFor({ tool, size, qps, seconds, duplex }: Work): number {
  const bytes = tool === 'ib_atomic_bw' ? 8 : size;
  const perMessage = (PACE.perMessage + bytes * PACE.perByte) * (duplex ? 2 : 1);
  const perQp = (seconds * factor()) / perMessage / qps;
  return Math.max(20, Math.round(perQp / 10) * 10);
}

/** ROAM_LAB_PACE: how much faster than the emulated nodes above these ones are, e.g. 40 with KVM. */
function factor(): number {
  return Number(process.env.ROAM_LAB_PACE ?? 1);
}
