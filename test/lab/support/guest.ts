import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { node } from './lab.js';

const GUEST = fileURLToPath(new URL('../../guest', import.meta.url));
const MODULES = fileURLToPath(new URL('../../../node_modules', import.meta.url));
/** Below it, Node finds the package as any program does that has it installed. */
export const THERE = '/usr/lib/roam-guest';

/** Brings the programs of test/guest to node a, and what they need beside the package. */
export async function installGuest(): Promise<void> {
  const a = await node('a');
  await a.exec(['rm', '-rf', THERE]);
  await a.push(GUEST, THERE);
  for (const name of ['fast-check', 'pure-rand'])
    await a.push(`${MODULES}/${name}`, `${THERE}/node_modules/${name}`);
}

export interface GuestRun {
  /** Its path in node a. Default: the one that is installed there. */
  node?: string;
  /** Of node. */
  flags?: string[];
  env?: Record<string, string>;
  /** Tests that have to be there. */
  least?: number;
  timeout?: number;
}

/** Runs a file of test/guest by Node's own test runner in node a. */
export async function runGuest(
  file: string,
  { node: program = 'node', flags = [], env = {}, least = 5, timeout = 200_000 }: GuestRun = {},
): Promise<void> {
  const settings = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const { exitCode, stdout, stderr } = await (await node('a')).exec(
    ['env', ...settings, program, ...flags, '--test', '--test-reporter=spec', `${THERE}/${file}`],
    { timeout, reject: false },
  );
  const passed = Number(/ℹ pass (\d+)/.exec(stdout)?.[1] ?? 0);
  expect(exitCode, `${stdout}\n${stderr}`).toBe(0);
  expect(passed, stdout).toBeGreaterThanOrEqual(least);
  console.log(
    stdout
      .split('\n')
      .filter((line) => /✔|✖|﹣/.test(line))
      .join('\n'),
  );
}
