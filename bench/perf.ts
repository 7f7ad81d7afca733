// `roam perf` against Debian's perftest: each with itself, both ends, on the same module.
import type { Lab } from 'roam-rdma';
import type { Subject } from './compare.js';
import { type Benchmark, measure } from './perftest.js';

type Program = 'perftest' | 'roam';

/** perftest's own number where that is enough, and more where a thousand messages are gone before V8 has compiled. */
const benchmarks: Benchmark[] = [
  { tool: 'ib_send_bw', size: 65536, iterations: 1000, metric: 'MiB/s', column: 3 },
  { tool: 'ib_send_bw', size: 64, iterations: 20_000, metric: 'Mmsg/s', column: 4 },
  { tool: 'ib_send_lat', size: 64, iterations: 5000, metric: 'us', column: 4 },
];

/**
 * Two emulated processors take turns in one thread of the host, up to a tenth of a second each: who polls on
 * one keeps the kernel threads on the other waiting. With one, the guest's scheduler decides.
 */
export async function oneProcessor(lab: Lab): Promise<void> {
  const file = '/sys/devices/system/cpu/cpu1/online';
  await Promise.all(lab.nodes.map((node) => node.exec(['sh', '-c', `[ ! -e ${file} ] || echo 0 >${file}`])));
}

export const perfSubject: Subject<Program> = {
  variants: ['perftest', 'roam'],
  benchmarks,
  prepare: oneProcessor,
  measure: (lab, benchmark, program) => measure(lab, benchmark, program, program),
};
