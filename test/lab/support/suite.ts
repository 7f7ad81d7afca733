// rdma-core's own tests, as Debian brings them to a node, and docs/stock.md: what they say of each module.
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { lines, type NodeName, node, script } from './lab.js';

const RUNNER = fileURLToPath(new URL('rdma_core_suite.py', import.meta.url));
const FILE = fileURLToPath(new URL('../../../docs/stock.md', import.meta.url));
const THERE = '/root/rdma-core';
/** Most take less than a second under emulation, the slowest ten. */
const LIMIT_S = 60;
const SUITE_MS = 1_200_000;
/** Of a test that the two modules answer differently. */
const REPEATS = 10;

export interface TestRun {
  test: string;
  outcome: 'pass' | 'skip' | 'fail' | 'error' | 'timeout' | 'died';
  /** Why, in the test's own words; empty for what passes. */
  reason: string;
  seconds: number;
  /** What else it said when it was repeated. */
  also?: string[];
  /** What the kernel complained about meanwhile. */
  kernel: string[];
}

/** Runs all of rdma-core's tests on rxe0 of a node. Huge pages are there, for the tests that want some. */
export async function runSuite(on: NodeName): Promise<TestRun[]> {
  const there = await node(on);
  await script(
    on,
    `rm -rf ${THERE} && mkdir ${THERE} && cp -r /usr/share/doc/rdma-core/tests ${THERE}/ && gunzip ${THERE}/tests/*.gz
     echo 8 >/proc/sys/vm/nr_hugepages`,
  );
  await there.push(RUNNER, `${THERE}/run.py`);
  return run(on, []);
}

async function run(on: NodeName, tests: string[]): Promise<TestRun[]> {
  const argv = ['python3', `${THERE}/run.py`, `${THERE}/tests`, String(LIMIT_S), ...tests];
  const { stdout } = await (await node(on)).exec(argv, { timeout: SUITE_MS });
  return lines(stdout).map((line) => JSON.parse(line));
}

interface Side {
  at: NodeName;
  runs: TestRun[];
}

/**
 * Some tests depend on who is faster: test_resize_cq posts to a CQ and at once makes it too small, which is refused
 * if the completions are there already, and overflows if they are not. What a test says on one module it has to say,
 * sooner or later, on the other too.
 */
export async function repeatWhatDiffers(...sides: [Side, Side]): Promise<void> {
  const [ours, stock] = sides.map(({ runs }) => new Map(runs.map((run) => [run.test, run])));
  for (let n = 0; n < REPEATS; n++) {
    const differing = [...(ours?.keys() ?? [])].filter(
      (test) => answers(ours?.get(test)) !== answers(stock?.get(test)),
    );
    if (differing.length === 0) return;
    await Promise.all(
      sides.map(async ({ at, runs }) => {
        for (const again of await run(at, differing)) {
          const first = runs.find(({ test }) => test === again.test);
          if (first) first.also = [...(first.also ?? []), said(again)];
        }
      }),
    );
  }
}

/** All that a test said, in one line. */
const answers = (run: TestRun | undefined): string =>
  run ? [...new Set([said(run), ...(run.also ?? [])])].sort().join('; or ') : 'not run';

/** What of a run has to be the same on both modules. */
export const judged = (run: TestRun): string => `${run.test}: ${answers(run)}`;

const row = (...cells: (string | number)[]): string => `| ${cells.join(' | ')} |`;
const said = ({ outcome, reason, kernel }: TestRun): string =>
  [outcome, reason, ...kernel].filter(Boolean).join(': ');

/** Both modules side by side: a line for each test that ran, one for each reason for which some did not. */
function tableOf(stock: TestRun[], roam: TestRun[]): string {
  const ours = new Map(roam.map((run) => [run.test, run]));
  const opposite = ({ test }: TestRun): TestRun | undefined => ours.get(test);
  const ran = stock.filter((run) => run.outcome !== 'skip' || opposite(run)?.outcome !== 'skip');
  const reasons = new Map<string, TestRun[]>();
  for (const run of stock.filter((run) => !ran.includes(run)))
    reasons.set(run.reason, [...(reasons.get(run.reason) ?? []), run]);
  const files = (runs: TestRun[]) => [...new Set(runs.map(({ test }) => test.split('.')[0]))].join(', ');
  const same = (runs: TestRun[]): number => runs.filter((run) => opposite(run)?.reason === run.reason).length;
  return [
    row('test', 'stock', 'ours'),
    row('---', '---', '---'),
    ...ran.map((run) => row(run.test, answers(run), answers(opposite(run)))),
    '',
    row('not run, because', 'stock', 'ours', 'in'),
    row('---', '---', '---', '---'),
    ...[...reasons].map(([reason, runs]) => row(reason, runs.length, same(runs), files(runs))),
  ].join('\n');
}

/** Puts the table into the section of docs/stock.md that is about this kernel. */
export async function recordSuite(kernel: string, stock: TestRun[], roam: TestRun[]): Promise<void> {
  const series = kernel.split('.').slice(0, 2).join('.');
  const counts = new Map<string, number>();
  for (const { outcome } of roam) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  const sum = [...counts].map(([outcome, n]) => `${n} ${outcome}`).join(', ');
  const section = `## Linux ${series}\n\nSeen with ${kernel}. On ours: ${sum}.\n\n${tableOf(stock, roam)}\n`;
  const [head = '', ...sections] = (await readFile(FILE, 'utf8')).split(/^(?=## Linux )/m);
  const others = sections.filter((text) => !text.startsWith(`## Linux ${series}\n`));
  const ordered = [...others, section].map((text) => `${text.trimEnd()}\n`).sort();
  await writeFile(FILE, [`${head.trimEnd()}\n`, ...ordered].join('\n'));
}
