// What RDMA adds to the blackout: the same process with and without it, and with more and more objects.
import { writeFile } from 'node:fs/promises';
import type { Lab, MigrationReport } from 'roam-rdma';
import { columns } from './columns.js';
import { type Point, plot, regression } from './plot.js';
import { median, spread } from './statistics.js';

const HOLDER = '/usr/lib/roam/workloads/holder';
const LOG = '/root/holder.out';
const TIMEOUT = 300_000;
const MRS_PER_QP = 4;
const GROWTH = [1, 32, 64, 128, 256];

interface Blackout {
  /** Milliseconds from the request to freeze until the tasks run again. */
  frozen: number;
}

/** Moves a process with `qps` QPs, and four MRs for each, from a to b, where its peer is. */
async function move(lab: Lab, qps: number): Promise<Blackout> {
  const [a, b] = [lab.node('a'), lab.node('b')];
  const flags = ['-q', String(qps)];
  const pid = await a.start([HOLDER, '-s', ...flags, '-m', String(qps * MRS_PER_QP)], { log: LOG });
  const peer = await b.start([HOLDER, ...flags, a.ip], { log: `${LOG}.peer` });
  await ready(a, LOG);
  const argv = ['roam', 'migrate', `pid:${pid}`, '--to', 'b', '--json'];
  const { stdout } = await a.exec(argv, { timeout: TIMEOUT });
  const report = JSON.parse(stdout) as MigrationReport;
  if (report.objects.qp.length !== qps) throw new Error(`${report.objects.qp.length} QPs moved, not ${qps}`);
  await b.exec([
    'sh',
    '-c',
    `kill ${pid} ${peer}; while kill -0 ${pid} || kill -0 ${peer}; do sleep 0.1; done 2>/dev/null`,
  ]);
  return { frozen: report.frozenMs };
}

async function ready(node: ReturnType<Lab['node']>, log: string): Promise<void> {
  await node.exec(['sh', '-c', `until grep -q ready ${log}; do sleep 0.1; done`], { timeout: TIMEOUT });
}

export interface Share {
  qps: number;
  mrs: number;
  /** Milliseconds. */
  median: number;
  spread: number;
  values: number[];
}

/** @returns First without RDMA, then with one QP, then the growth. */
export async function measureBlackout(
  lab: Lab,
  rounds: number,
  say: (text: string) => void,
): Promise<Share[]> {
  const counts = [0, ...GROWTH];
  const values = new Map<number, number[]>(counts.map((qps) => [qps, []]));
  for (let round = 0; round < rounds; round++) {
    for (const qps of round % 2 ? counts.toReversed() : counts) {
      const { frozen } = await move(lab, qps);
      values.get(qps)?.push(frozen);
      say(`round ${round + 1} of ${rounds}, ${qps} QPs: ${frozen.toFixed(0)} ms`);
    }
  }
  return counts.map((qps) => {
    const list = values.get(qps) as number[];
    return { qps, mrs: qps * MRS_PER_QP, median: median(list), spread: spread(list), values: list };
  });
}

export function blackoutTable(shares: Share[]): string {
  const none = shares[0]?.median as number;
  const { slope, r2 } = regression(pointsOf(shares));
  const rows = shares.map(({ qps, mrs, median: ms, spread: wide }) => [
    ...[String(qps), String(mrs), `${ms.toFixed(0)} ms`, `±${(wide * 100).toFixed(0)} %`],
    (ms / none).toFixed(3),
  ]);
  const growth = `${slope.toFixed(2)} ms for each QP with its MRs, r² ${r2.toFixed(3)}`;
  return `${columns([['QPs', 'MRs', 'blackout', '', 'of that without RDMA'], ...rows])}\n${growth}`;
}

const pointsOf = (shares: Share[]): Point[] =>
  shares.slice(1).flatMap(({ qps, values }) => values.map((y) => ({ x: qps, y })));

/** The growth, without the process that has no RDMA. */
export async function plotBlackout(shares: Share[], file: string): Promise<void> {
  await writeFile(
    file,
    plot(pointsOf(shares), { title: 'Blackout of a process with QPs, four MRs for each', x: 'QPs', y: 'ms' }),
  );
}
