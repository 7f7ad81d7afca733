#!/usr/bin/env node
// npm run prove: searches every run of the protocol's model (test/proof/two_ends.pml) with Spin, and
// every mutant of it, whose fault must be found. docs/proof.md says what is modelled.
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cases, properties } from '../test/proof/cases.mjs';

const SOURCES = fileURLToPath(new URL('../test/proof', import.meta.url));
const MODEL = 'two_ends.pml';
const JOBS = 2;
const MEMORY_MB = 1500;
const TIME_LIMIT_MS = 300_000;

const HELP = `Checks the model of stop, pause and resume with Spin, and that its mutants fail.

  --quick         the smaller models, all mutants
  --only TEXT     the cases whose name contains TEXT
  --trace TEXT    searches these breadth first and prints how each comes to its fault
  --list          names the cases
  --json          one JSON object for all

Example: npm run prove -- --trace 'all greetings are lost, known later'
Exit status: 0 all as expected; 1 a property fails, or a mutant or a limit does not; 2 usage, no Spin.
`;

function usage(message) {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}

function options() {
  try {
    return parseArgs({
      options: {
        quick: { type: 'boolean', default: false },
        only: { type: 'string', default: '' },
        trace: { type: 'string' },
        list: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    return usage(`${error.message}; see --help`);
  }
}

/** Output of a command; `code` null: killed, by the time limit for one. */
function run(command, args, cwd) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, timeout: TIME_LIMIT_MS, killSignal: 'SIGKILL' });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text) => {
        output += text;
      });
    child.on('error', reject).on('close', (code) => resolve({ code, output }));
  });
}

async function mustRun(command, args, cwd) {
  const { code, output } = await run(command, args, cwd);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: exit status ${code}\n${output}`);
  return output;
}

/** What pan found: a property, 'stuck' for a deadlock, undefined for none. Throws when it did not search all. */
function findingOf({ code, output }) {
  const failed = /assertion violated +!\(+(?:now\.)?(\w+)/.exec(output)?.[1];
  if (failed && properties.includes(failed)) return failed;
  if (/^pan:1: invalid end state/m.test(output)) return 'stuck';
  const complete =
    code === 0 && / errors: 0\n/.test(output) && !/not completed|too small|out of memory/.test(output);
  if (!complete)
    throw new Error(
      code === null ? `not done after ${TIME_LIMIT_MS / 1000} s` : `pan failed\n${output.slice(-2000)}`,
    );
  return undefined;
}

/** Builds a case in a directory of its own and searches it. */
async function search(test, scratch, { trace }) {
  const dir = path.join(scratch, String(cases.indexOf(test)));
  cpSync(SOURCES, dir, { recursive: true });
  const macros = Object.entries(test.macros).map(([name, value]) => `-D${name}=${value}`);
  const started = performance.now();
  await mustRun('spin', ['-a', ...macros, MODEL], dir);
  // COLLAPSE stores states compressed, without loss. A small search is over before cc -O1 would be.
  const how = trace === undefined ? ['-DCOLLAPSE'] : ['-DBFS'];
  const level = test.full ? '-O1' : '-O0';
  const flags = ['-DSAFETY', '-DNOREDUCE', `-DMEMLIM=${MEMORY_MB}`, '-w'];
  await mustRun('cc', [level, ...flags, ...how, '-o', 'pan', 'pan.c'], dir);
  const result = await run('nice', ['-n', '19', './pan', '-m1000000', '-w23'], dir);
  const found = findingOf(result);
  const steps =
    trace !== undefined && found ? await mustRun('spin', ['-t', '-B', ...macros, MODEL], dir) : undefined;
  return {
    found: found ?? null,
    states: Number(/(\d+) states, stored/.exec(result.output)?.[1] ?? Number.NaN),
    depth: Number(/depth reached (\d+)/.exec(result.output)?.[1] ?? Number.NaN),
    seconds: Math.round((performance.now() - started) / 100) / 10,
    ...(steps ? { trace: steps.split('\n').filter((line) => !line.startsWith('spin:')) } : {}),
  };
}

async function check(test, scratch, flags) {
  const { full, fails, ...about } = test;
  try {
    const result = await search(test, scratch, flags);
    return { ...about, expected: fails ?? null, ...result, ok: result.found === (fails ?? null) };
  } catch (error) {
    return { ...about, expected: fails ?? null, ok: false, error: error.message };
  }
}

function verdict(result) {
  if (result.error) return `ERROR: ${result.error}`;
  if (result.ok) return result.expected ? `${result.expected}, as it must` : 'holds';
  if (!result.found) return `NOT FOUND: ${result.expected}`;
  return result.expected ? `OTHER: ${result.found}, not ${result.expected}` : `FAILS: ${result.found}`;
}

function line({ kind, name, states = '-', depth = '-', seconds = '-', ...result }) {
  const numbers = [String(states).padStart(9), String(depth).padStart(5), String(seconds).padStart(6)];
  return `${kind.padEnd(6)}  ${name.padEnd(52)} ${numbers.join(' ')}  ${verdict(result)}\n`;
}

const flags = options();
if (flags.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const wanted = cases.filter(
  ({ name, full }) => !(flags.quick && full) && name.includes(flags.only) && name.includes(flags.trace ?? ''),
);
if (wanted.length === 0) usage('no case has that name; --list names them');
if (flags.list) {
  for (const { kind, name } of wanted) process.stdout.write(`${kind.padEnd(6)}  ${name}\n`);
  process.exit(0);
}
if (spawnSync('spin', ['-V']).status !== 0) usage('spin is missing: install the Debian package spin');
if (spawnSync('cc', ['--version']).status !== 0)
  usage('a C compiler is missing: install the Debian package gcc');

const scratch = mkdtempSync(path.join(tmpdir(), 'roam-prove-'));
const results = [];
const started = performance.now();
if (!flags.json)
  process.stdout.write(
    `${'kind'.padEnd(6)}  ${'case'.padEnd(52)} ${'states'.padStart(9)} depth      s  verdict\n`,
  );
const queue = [...wanted];
await Promise.all(
  Array.from({ length: JOBS }, async () => {
    for (let test = queue.shift(); test; test = queue.shift()) {
      const result = await check(test, scratch, flags);
      results.push(result);
      if (flags.json) continue;
      process.stdout.write(line(result));
      for (const step of result.trace ?? []) process.stdout.write(`${step}\n`);
    }
  }),
);
rmSync(scratch, { recursive: true, force: true });

const seconds = Math.round((performance.now() - started) / 1000);
const failed = results.filter(({ ok }) => !ok).length;
const states = results.reduce((sum, result) => sum + (result.states || 0), 0);
if (flags.json)
  process.stdout.write(`${JSON.stringify({ ok: failed === 0, seconds, states, results }, null, 2)}\n`);
else
  process.stdout.write(
    `${results.length - failed} as expected, ${failed} not; ${states} states in ${seconds} s\n`,
  );
process.exitCode = failed > 0 ? 1 : 0;
