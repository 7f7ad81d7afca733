// Our rdma_rxe against Debian's own: the same perftest, the same two nodes.
import type { Lab } from 'roam-rdma';
import type { Subject } from './compare.js';
import { type Benchmark, measure } from './perftest.js';

type Module = 'stock' | 'roam';

const WARM_UP = 50;

/** Long enough to average over a second or more on emulated processors. */
const benchmarks: Benchmark[] = [
  { tool: 'ib_send_bw', size: 65536, iterations: 200, metric: 'MiB/s', column: 3 },
  { tool: 'ib_write_bw', size: 65536, iterations: 200, metric: 'MiB/s', column: 3 },
  { tool: 'ib_read_bw', size: 65536, iterations: 200, metric: 'MiB/s', column: 3 },
  { tool: 'ib_send_lat', size: 64, iterations: 500, metric: 'us', column: 4 },
];

async function load(lab: Lab, module: Module): Promise<void> {
  await Promise.all(
    lab.nodes.map((node) => node.exec(['sh', '/usr/lib/roam/guest/load-rxe', module], { timeout: 60_000 })),
  );
  for (const node of lab.nodes) {
    const { stdout } = await node.exec([
      'sh',
      '-c',
      'test -e /proc/sys/net/rdma_rxe/last_qpn && echo roam || echo stock',
    ]);
    if (stdout !== module) throw new Error(`node ${node.name} has the ${stdout} module instead of ${module}`);
  }
  // The first run after a load resolves addresses, and pays for code that is not translated yet.
  for (const benchmark of benchmarks) await measure(lab, { ...benchmark, iterations: WARM_UP });
}

export const moduleSubject: Subject<Module> = {
  variants: ['stock', 'roam'],
  benchmarks,
  prepare: load,
  measure: (lab, benchmark) => measure(lab, benchmark),
};
