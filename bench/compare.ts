// Two ways of doing the same, alternating in one lab: medians, spreads and their ratio.
import type { Lab } from 'roam-rdma';
import { columns } from './columns.js';
import type { Benchmark } from './perftest.js';
import { median, spread } from './statistics.js';

/** What is compared with what. */
export interface Subject<V extends string> {
  /** The yardstick first. */
  variants: readonly [V, V];
  benchmarks: Benchmark[];
  /** Before the benchmarks of one variant. */
  prepare?(lab: Lab, variant: V): Promise<void>;
  measure(lab: Lab, benchmark: Benchmark, variant: V): Promise<number>;
}

export interface Comparison {
  tool: string;
  size: number;
  metric: string;
  base: { median: number; spread: number; values: number[] };
  ours: { median: number; spread: number; values: number[] };
  /** Our median over the other; more is better for a rate, less for microseconds. */
  ratio: number;
}

export async function compare<V extends string>(
  lab: Lab,
  subject: Subject<V>,
  rounds: number,
  say: (text: string) => void,
): Promise<Comparison[]> {
  const [base, ours] = subject.variants;
  const values = subject.benchmarks.map(
    () =>
      new Map<V, number[]>([
        [base, []],
        [ours, []],
      ]),
  );
  for (let round = 0; round < rounds; round++) {
    // Which one goes first alternates too: the machine may get slower or faster meanwhile.
    for (const variant of round % 2 ? [ours, base] : [base, ours]) {
      await subject.prepare?.(lab, variant);
      const found: number[] = [];
      for (const [i, benchmark] of subject.benchmarks.entries()) {
        const value = await subject.measure(lab, benchmark, variant);
        values[i]?.get(variant)?.push(value);
        found.push(value);
      }
      say(`round ${round + 1} of ${rounds}, ${variant}: ${found.join(', ')}`);
    }
  }
  const sum = (list: number[]) => ({ median: median(list), spread: spread(list), values: list });
  return subject.benchmarks.map(({ tool, size, metric }, i) => {
    const of = (variant: V) => sum(values[i]?.get(variant) as number[]);
    return { tool, size, metric, base: of(base), ours: of(ours), ratio: of(ours).median / of(base).median };
  });
}

export function table([base, ours]: readonly [string, string], rows: Comparison[]): string {
  const percent = (x: number) => `±${(x * 100).toFixed(0)} %`;
  return columns([
    ['benchmark', 'bytes', 'unit', base, '', ours, '', 'ratio'],
    ...rows.map((row) => [
      ...[row.tool, String(row.size), row.metric, row.base.median.toPrecision(4), percent(row.base.spread)],
      ...[row.ours.median.toPrecision(4), percent(row.ours.spread), row.ratio.toFixed(3)],
    ]),
  ]);
}
