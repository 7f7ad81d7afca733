// Runs the test steps one after the other, all of them even when one fails, and ends with one line
// of sums. Steps: lint, unit, native, browser, prove, lab; and, only when named, long: more migrations in the lab,
// faults: those of them that are broken off, docker and podman: those of their containers, on nodes of their own, and
// soak: a hundred of them in a row. After --long, words choose scenarios: those of test/lab/long whose file names contain
// one, and projects of a lab of their own by their names, also game: a game server on a journey.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const scratch = mkdtempSync(path.join(tmpdir(), 'roam-tests-'));
const sums = { passed: 0, failed: 0 };

function count(ok) {
  sums[ok ? 'passed' : 'failed']++;
  return ok;
}

function run(command, args) {
  return spawnSync(command, args, { cwd: root, stdio: 'inherit' }).status === 0;
}

/** Runs vitest projects. A run that dies without a result is one failure. */
function vitest(project, ...files) {
  const report = path.join(scratch, `${project}.json`);
  const flags = ['--project', project, ...files];
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const ok = run('node_modules/.bin/vitest', ['run', ...flags, ...reporters]);
  const result = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : undefined;
  sums.passed += result?.numPassedTests ?? 0;
  sums.failed += result?.numFailedTests ?? 0;
  if (!ok && !result?.numFailedTests) count(false);
}

/** C tests: each is one program over the plugin's sources, with sanitizers. */
function nativeTests() {
  const dir = path.join(root, 'test/native');
  for (const file of readdirSync(dir).filter((name) => name.endsWith('_test.c'))) {
    const source = readFileSync(path.join(dir, file), 'utf8');
    const program = path.join(scratch, file.replace('.c', ''));
    // A test names the sources that it is linked with in its own head comment.
    const sources = source.match(/(?<![\w/])native\/\S+\.c/g) ?? [];
    const args = [
      '-g',
      '-fsanitize=address,undefined',
      '-fno-sanitize-recover',
      '-Inative/include',
      '-Inative/criu-plugin',
    ];
    const built = run('cc', [...args, '-o', program, path.join('test/native', file), ...sources]);
    const ok = count(built && run(program, []));
    process.stdout.write(`${ok ? 'ok' : 'FAILED'}  test/native/${file}\n`);
  }
}

const steps = {
  lint: () => {
    count(run('node_modules/.bin/biome', ['check', '.']));
    // What it warns of is a reference that leads nowhere.
    count(run('node_modules/.bin/typedoc', ['--emit', 'none', '--logLevel', 'Warn']));
    count(run('node_modules/.bin/publint', ['--strict', '--pack', 'false']));
  },
  unit: () => vitest('unit'),
  native: () => {
    nativeTests();
    vitest('native');
  },
  browser: () => vitest('browser'),
  prove: () => {
    count(run('node', ['scripts/prove.mjs', '--quick']));
  },
  lab: () => vitest('lab'),
  long: () => vitest('long'),
  faults: () => vitest('long', 'test/lab/long/faults.lab.test.ts'),
  docker: () => vitest('docker'),
  podman: () => vitest('podman'),
  game: () => vitest('game'),
  soak: () => vitest('soak'),
};
const OWN_LABS = ['docker', 'podman', 'game', 'soak'];
const ONLY_WHEN_NAMED = new Set(['long', 'faults', ...OWN_LABS]);

/** Steps for the words after --long. A word that no file's name contains is a step that there is not. */
function scenarios(words) {
  const there = readdirSync(path.join(root, 'test/lab/long'));
  const [own, others] = [
    words.filter((word) => OWN_LABS.includes(word)),
    words.filter((word) => !OWN_LABS.includes(word)),
  ];
  const unknown = others.filter((word) => !there.some((file) => file.includes(word)));
  const files = there.filter((file) => others.some((word) => file.includes(word)));
  if (files.length > 0) steps.long = () => vitest('long', ...files.map((file) => `test/lab/long/${file}`));
  return [...(files.length > 0 || words.length === 0 ? ['long'] : []), ...own, ...unknown];
}

const named = process.argv.slice(2);
const wanted = named[0] === '--long' ? scenarios(named.slice(1)) : named;
for (const name of wanted)
  if (!steps[name]) {
    process.stderr.write(`no step '${name}'; the steps are ${Object.keys(steps).join(', ')}\n`);
    process.exit(2);
  }
for (const [name, step] of Object.entries(steps)) {
  if (wanted.length > 0 ? !wanted.includes(name) : ONLY_WHEN_NAMED.has(name)) continue;
  process.stdout.write(`== ${name}\n`);
  step();
}
rmSync(scratch, { recursive: true, force: true });
process.stdout.write(`${sums.passed} passed, ${sums.failed} failed\n`);
process.exitCode = sums.failed > 0 || sums.passed === 0 ? 1 : 0;
