// `roam perf` against Debian's perftest: each with itself, both ends, on the same module.
import type { Subject } from './compare.js';
import { type Benchmark, measure } from './perftest.js';

type Program = 'perftest' | 'roam';

/** Long enough for Node to have compiled the loop. */
const benchmarks: Benchmark[] = [
  { tool: 'ib_send_bw', size: 65536, iterations: 400, metric: 'MiB/s', column: 3 },
  { tool: 'ib_send_bw', size: 64, iterations: 10_000, metric: 'Mmsg/s', column: 4 },
  { tool: 'ib_send_lat', size: 64, iterations: 2000, metric: 'us', column: 4 },
];

export const perfSubject: Subject<Program> = {
  variants: ['perftest', 'roam'],
  benchmarks,
  measure: (lab, benchmark, program) => measure(lab, benchmark, program, program),
};
