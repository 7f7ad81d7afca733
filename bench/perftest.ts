import type { Lab } from 'roam-rdma';

export interface Benchmark {
  tool: 'ib_send_bw' | 'ib_write_bw' | 'ib_read_bw' | 'ib_send_lat' | 'ssh' | 'tls';
  size: number;
  iterations: number;
  /** What is measured, and the column of perftest's table that holds it. */
  metric: 'MiB/s' | 'Mmsg/s' | 'us';
  column: number;
}

const RUN_TIMEOUT = 180_000;

/**
 * Runs one benchmark from b to a and gives its value.
 *
 * @param client Whose program measures: Debian's perftest or `roam perf`. @param server Its peer's.
 */
export async function measure(
  lab: Lab,
  { tool, size, iterations, column }: Benchmark,
  client: 'perftest' | 'roam' = 'perftest',
  server: 'perftest' | 'roam' = 'perftest',
): Promise<number> {
  const [a, b] = [lab.node('a'), lab.node('b')];
  const command = (whose: string) => (whose === 'roam' ? ['roam', 'perf', tool.replace('ib_', '')] : [tool]);
  const flags = ['-d', 'rxe0', '-F', '-s', String(size), '-n', String(iterations)];
  const pid = await a.start([...command(server), ...flags], { log: '/root/bench.out' });
  const gone = (then: string) => ['sh', '-c', `while kill -0 ${pid} 2>/dev/null; do ${then} sleep 0.1; done`];
  await a.exec(gone('ss -Hltn "sport = :18515" | grep -q . && exit;'), { timeout: RUN_TIMEOUT });
  const argv = [...command(client), ...flags, a.ip];
  const { stdout } = await b.exec(argv, { timeout: RUN_TIMEOUT });
  await a.exec(gone(''), { timeout: RUN_TIMEOUT });
  const row = stdout.split('\n').find((line) => /^ *\d+ +\d+ +[\d.]+/.test(line));
  const value = Number(row?.trim().split(/\s+/)[column]);
  if (!Number.isFinite(value) || value <= 0)
    throw new Error(`${argv.join(' ')} measured nothing:\n${stdout}`);
  return value;
}
