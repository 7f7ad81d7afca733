// The binding against a real rxe: programs of test/guest run by Node's own test runner inside a node.
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { useSweptLab } from './support/hooks.js';
import { node } from './support/lab.js';
import { FAST_LINK } from './support/pace.js';

const GUEST = fileURLToPath(new URL('../guest', import.meta.url));
/** Below it, Node finds the package as any program does that has it installed. */
const THERE = '/usr/lib/roam-guest';

async function run(file: string, flags: string[] = []): Promise<void> {
  const { exitCode, stdout, stderr } = await (await node('a')).exec(
    ['node', ...flags, '--test', '--test-reporter=spec', `${THERE}/${file}`],
    { timeout: 200_000, reject: false },
  );
  const passed = Number(/ℹ pass (\d+)/.exec(stdout)?.[1] ?? 0);
  expect(exitCode, `${stdout}\n${stderr}`).toBe(0);
  expect(passed, stdout).toBeGreaterThan(5);
  console.log(
    stdout
      .split('\n')
      .filter((line) => /✔|✖|﹣/.test(line))
      .join('\n'),
  );
}

describe('verbs for Node', () => {
  useSweptLab(FAST_LINK);

  beforeAll(async () => {
    const a = await node('a');
    await a.exec(['rm', '-rf', THERE]);
    await a.push(GUEST, THERE);
  });

  it('carry every operation, as promises and in batches', () => run('traffic.test.mjs'));
  it('make every object that rxe has', () => run('objects.test.mjs'));
  it('keep and end them as they should', () => run('lifetime.test.mjs'));
  it('survive what programs do to them', () => run('robust.test.mjs'));
});
