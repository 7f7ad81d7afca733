import type { Lab } from 'roam-rdma';

export interface Benchmark {
  tool: 'ib_send_bw' | 'ib_write_bw' | 'ib_read_bw' | 'ib_send_lat';
  size: number;
  iterations: number;
  /** What is measured, and the column of perftest's table that holds it. */
  metric: 'MiB/s' | 'us';
  column: number;
}

/** Long enough to average over a second or more on emulated processors. */
export const BENCHMARKS: Benchmark[] = [
  { tool: 'ib_send_bw', size: 65536, iterations: 200, metric: 'MiB/s', column: 3 },
  { tool: 'ib_write_bw', size: 65536, iterations: 200, metric: 'MiB/s', column: 3 },
  { tool: 'ib_read_bw', size: 65536, iterations: 200, metric: 'MiB/s', column: 3 },
  { tool: 'ib_send_lat', size: 64, iterations: 500, metric: 'us', column: 4 },
];

const RUN_TIMEOUT = 120_000;

/** Runs one benchmark from b to a and gives its value. */
export async function measure(lab: Lab, { tool, size, iterations, column }: Benchmark): Promise<number> {
  const [a, b] = [lab.node('a'), lab.node('b')];
  const argv = [tool, '-d', 'rxe0', '-F', '-s', String(size), '-n', String(iterations)];
  await a.start(argv, { log: '/root/bench.out' });
  await a.exec(['sh', '-c', 'until ss -Hltn "sport = :18515" | grep -q .; do sleep 0.1; done'], {
    timeout: RUN_TIMEOUT,
  });
  const { stdout } = await b.exec([...argv, a.ip], { timeout: RUN_TIMEOUT });
  await a.exec(['sh', '-c', `while pidof ${tool} >/dev/null; do sleep 0.1; done`], { timeout: RUN_TIMEOUT });
  const row = stdout.split('\n').find((line) => /^ *\d+ +\d+ +[\d.]+/.test(line));
  const value = Number(row?.trim().split(/\s+/)[column]);
  if (!Number.isFinite(value) || value <= 0)
    throw new Error(`${argv.join(' ')} measured nothing:\n${stdout}`);
  return value;
}
