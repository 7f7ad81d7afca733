// `npm run bench`: speed, as ratios of medians of runs that alternate.
import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { Lab } from 'roam-rdma';
import { blackoutTable, measureBlackout, plotBlackout } from './blackout.js';
import { compare, type Subject, table } from './compare.js';
import { costTable, measureCost } from './cost.js';
import { moduleSubject } from './module.js';
import { perfSubject } from './perf.js';
import { transferSubject } from './transfer.js';

const subjects: Record<string, Subject<string>> = {
  module: moduleSubject as Subject<string>,
  perf: perfSubject as Subject<string>,
  transfer: transferSubject as Subject<string>,
};
const names = [...Object.keys(subjects), 'cost', 'blackout'];

const program = new Command('npm run bench --')
  .description(
    'compare the migratable rdma_rxe with the stock one, `roam perf` with perftest, pre-copy with ssh and TLS, a post and a completion in Node with C, or the blackout with and without RDMA',
  )
  .argument('[subject]', names.join(' or '), 'module')
  .option('--rounds <n>', 'runs of each benchmark with each of the two', '5')
  .option('--only <tool>', 'of module, perf and transfer: this benchmark, for instance ib_send_lat')
  .option('--lab <name>', 'use the nodes a and b of a running lab, and leave it running')
  .option('--plot <file>', 'blackout: write the growth as SVG')
  .option('--json [file]', 'print the result as JSON, or write it to a file')
  .addHelpText(
    'after',
    '\nExamples:\n  npm run bench -- --rounds 9 --json bench.json\n  npm run bench -- perf\n  npm run bench -- perf --only ib_send_lat --rounds 15\n',
  )
  .parse();

const {
  rounds,
  json,
  plot,
  only,
  lab: running,
} = program.opts<{ rounds: string; json?: true | string; plot?: string; only?: string; lab?: string }>();
const name = program.args[0] ?? 'module';
const whole = subjects[name];
const benchmarks = whole?.benchmarks.filter(({ tool }) => only === undefined || tool === only) ?? [];
const subject = whole && { ...whole, benchmarks };
if (!names.includes(name)) program.error(`there is no subject ${name}: ${names.join(', ')}`);
if (only !== undefined && benchmarks.length === 0) {
  const tools = [...new Set(whole?.benchmarks.map(({ tool }) => tool))].join(', ');
  program.error(`${name} has no benchmark ${only}${tools && `: ${tools}`}`);
}
const count = Number(rounds);
if (!Number.isInteger(count) || count < 1) program.error('--rounds must be a whole number of 1 or more');
const say = (text: string) => void (json === true ? process.stderr : process.stdout).write(`${text}\n`);

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
const lab =
  running === undefined
    ? await Lab.up({ nodes: ['a', 'b'], onProgress: say, signal: interrupted.signal })
    : await Lab.attach(running);
const leave = async () => {
  if (running === undefined) await lab.down();
};
interrupted.signal.addEventListener('abort', () => void leave().finally(() => process.exit(130)));
const measureAll = async () => {
  if (name === 'cost') {
    const costs = await measureCost(lab, count, say);
    return { results: costs, text: costTable(costs) };
  }
  if (subject === undefined) {
    const shares = await measureBlackout(lab, count, say);
    if (plot) await plotBlackout(shares, plot);
    return { results: shares, text: blackoutTable(shares) };
  }
  const rows = await compare(lab, subject, count, say);
  return { results: rows, text: table(subject.variants, rows) };
};
try {
  const { results, text } = await measureAll();
  const all = JSON.stringify({ subject: name, rounds: count, results }, undefined, 2);
  if (json === true) process.stdout.write(`${all}\n`);
  else if (json) await writeFile(json, `${all}\n`);
  if (json !== true) say(text);
} finally {
  await leave();
}
