// Compares our rdma_rxe with Debian's own: the same perftest, the same two nodes, alternating.
import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { Lab } from 'roam-rdma';
import { BENCHMARKS, measure } from './perftest.js';
import { median, spread } from './statistics.js';

type Module = 'stock' | 'roam';

interface Comparison {
  tool: string;
  size: number;
  metric: string;
  stock: { median: number; spread: number; values: number[] };
  roam: { median: number; spread: number; values: number[] };
  /** Our median over the stock one; for MiB/s more is better, for microseconds less. */
  ratio: number;
}

const WARM_UP = 50;

const program = new Command('npm run bench --')
  .description('compare the speed of the migratable rdma_rxe with that of the stock one')
  .option('--rounds <n>', 'runs of each benchmark with each module', '5')
  .option('--json [file]', 'print the result as JSON, or write it to a file')
  .addHelpText('after', '\nExample:\n  npm run bench -- --rounds 9 --json bench.json\n')
  .parse();

const { rounds, json } = program.opts<{ rounds: string; json?: true | string }>();
const say = (text: string) => void (json === true ? process.stderr : process.stdout).write(`${text}\n`);

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
}

async function compare(lab: Lab, count: number): Promise<Comparison[]> {
  const values = BENCHMARKS.map(() => ({ stock: [] as number[], roam: [] as number[] }));
  for (let round = 0; round < count; round++) {
    // Which one goes first alternates too: the machine may get slower or faster meanwhile.
    const order: Module[] = round % 2 ? ['roam', 'stock'] : ['stock', 'roam'];
    for (const module of order) {
      await load(lab, module);
      // The first run after a load resolves addresses, and pays for code that is not translated yet.
      for (const benchmark of BENCHMARKS) await measure(lab, { ...benchmark, iterations: WARM_UP });
      for (const [i, benchmark] of BENCHMARKS.entries())
        values[i]?.[module].push(await measure(lab, benchmark));
      say(`round ${round + 1} of ${count}, ${module}: ${values.map((v) => v[module].at(-1)).join(', ')}`);
    }
  }
  return BENCHMARKS.map(({ tool, size, metric }, i) => {
    const { stock, roam } = values[i] as { stock: number[]; roam: number[] };
    const sum = (list: number[]) => ({ median: median(list), spread: spread(list), values: list });
    return { tool, size, metric, stock: sum(stock), roam: sum(roam), ratio: median(roam) / median(stock) };
  });
}

function table(rows: Comparison[]): string {
  const percent = (x: number) => `±${(x * 100).toFixed(0)} %`;
  const cells = [
    ['benchmark', 'bytes', 'unit', 'stock', '', 'roam', '', 'ratio'],
    ...rows.map(({ tool, size, metric, stock, roam, ratio }) => [
      ...[tool, String(size), metric, stock.median.toFixed(2), percent(stock.spread)],
      ...[roam.median.toFixed(2), percent(roam.spread), ratio.toFixed(3)],
    ]),
  ];
  const widths = cells[0]?.map((_, i) => Math.max(...cells.map((row) => row[i]?.length ?? 0))) ?? [];
  return cells
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

const count = Number(rounds);
if (!Number.isInteger(count) || count < 1) program.error('--rounds must be a whole number of 1 or more');
const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
const lab = await Lab.up({ nodes: ['a', 'b'], onProgress: say, signal: interrupted.signal });
interrupted.signal.addEventListener('abort', () => void lab.down().finally(() => process.exit(130)));
try {
  const results = await compare(lab, count);
  const text = JSON.stringify({ rounds: count, results }, undefined, 2);
  if (json === true) process.stdout.write(`${text}\n`);
  else if (json) await writeFile(json, `${text}\n`);
  if (json !== true) say(table(results));
} finally {
  await lab.down();
}
