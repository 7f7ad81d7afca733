import type { BandwidthRow, LatencyDurationRow, LatencyRow } from './types.js';

/** Bytes per second of a unit of the output: MiB/s, or Gb/s. */
export function unit(gbits: boolean): number {
  return gbits ? 125_000_000 : 1 << 20;
}

/** Time stamps of a bandwidth test, in milliseconds, by the number of the message. */
export interface Stamps {
  posted: Float64Array;
  /** 0 for messages that have no completion of their own. */
  completed: Float64Array;
}

/** The best throughput between any post and any later completion, in bytes per second. */
export function peak({ posted, completed }: Stamps, size: number, grain: number): number {
  let best = Number.POSITIVE_INFINITY;
  const last = posted.length - 1;
  for (let first = 0; first <= last; first++) {
    const start = posted[first] as number;
    for (let end = first - (first % grain) + grain - 1; ; end += grain) {
      const at = Math.min(end, last);
      const time = completed[at] as number;
      if (time > 0) best = Math.min(best, (time - start) / (at - first + 1));
      if (at === last) break;
    }
  }
  return Number.isFinite(best) && best > 0 ? (size * 1000) / best : 0;
}

export function bandwidthRow(
  size: number,
  messages: number,
  milliseconds: number,
  peakBytes: number,
  gbits: boolean,
): BandwidthRow {
  const perSecond = milliseconds > 0 ? (messages * 1000) / milliseconds : 0;
  return {
    size,
    iterations: messages,
    peak: peakBytes / unit(gbits),
    average: (perSecond * size) / unit(gbits),
    messageRate: perSecond / 1e6,
  };
}

/**
 * As perftest computes it: of the times between starts the two longest are left out.
 *
 * @param starts Milliseconds. @param halves 2 where a round is two messages, of which one is meant.
 */
export function latencyRow(size: number, starts: Float64Array, halves: number): LatencyRow {
  const times = new Float64Array(starts.length - 1);
  for (let i = 0; i < times.length; i++) {
    times[i] = (((starts[i + 1] as number) - (starts[i] as number)) * 1000) / halves;
  }
  times.sort();
  const count = Math.max(times.length - 2, 1);
  const at = (index: number) => times[Math.min(index, times.length - 1)] as number;
  let sum = 0;
  for (let i = 0; i < count; i++) sum += at(i);
  const average = sum / count;
  let squares = 0;
  for (let i = 0; i < count; i++) squares += (average - at(i)) ** 2;
  const middle = count >> 1;
  return {
    size,
    iterations: starts.length,
    min: at(0),
    max: at(count),
    typical: count % 2 === 1 ? at(middle) : (at(middle) + at(middle - 1)) / 2,
    average,
    stdev: Math.sqrt(squares / count),
    p99: at(Math.ceil(count * 0.99)),
    p999: at(Math.ceil(count * 0.999)),
  };
}

export function latencyDurationRow(
  size: number,
  rounds: number,
  milliseconds: number,
  halves: number,
): LatencyDurationRow {
  return {
    size,
    iterations: rounds,
    average: rounds > 0 ? (milliseconds * 1000) / halves / rounds : 0,
    tps: (rounds * 1000) / milliseconds,
  };
}
