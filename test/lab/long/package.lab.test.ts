import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const LAB = 'packed';

let dir: string;
const roam = (...args: string[]) => execa('npx', ['roam', ...args], { cwd: dir, timeout: 600_000 });

describe('the packed package, installed in an empty directory', () => {
  beforeAll(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'roam-packed-'));
    const { stdout } = await execa('npm', ['pack', '--silent', '--pack-destination', dir], { cwd: ROOT });
    await writeFile(path.join(dir, 'package.json'), '{"private": true, "type": "module"}');
    const tarball = path.join(dir, stdout.trim().split('\n').at(-1) ?? '');
    // Without install scripts: the addons come with it.
    await execa('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', tarball], { cwd: dir });
  }, 600_000);
  afterAll(async () => {
    await roam('lab', 'down', '--name', LAB).catch(() => {});
    await rm(dir, { recursive: true });
  });

  it('has types and entry points that fit together', async () => {
    await execa(path.join(ROOT, 'node_modules/.bin/publint'), ['--strict', '--pack', 'false'], {
      cwd: path.join(dir, 'node_modules/roam-rdma'),
    });
    const program = `import { Lab, migrate } from 'roam-rdma'; import { devices } from 'roam-rdma/verbs';
      import { Criu } from 'roam-rdma/criu'; import { check } from 'roam-rdma/migrate';
      import { listen } from 'roam-rdma/rdmacm'; console.log(typeof Lab, typeof migrate, typeof listen, typeof Criu, typeof check, devices())`;
    const { stdout } = await execa('node', ['--input-type=module', '-e', program], { cwd: dir });
    expect(stdout).toBe('function function function function function []');
  });

  it('gives a lab with module, plugin and addons', { timeout: 900_000 }, async () => {
    await roam('lab', 'up', '--nodes', '1', '--name', LAB);
    const { stdout } = await roam('lab', 'exec', '--name', LAB, 'a', '--', 'roam', 'devinfo', '--json');
    expect(JSON.parse(stdout)).toMatchObject([{ name: 'rxe0' }]);
    const plugin = await roam('lab', 'exec', '--name', LAB, 'a', '--', 'ls', '/usr/lib/criu');
    expect(plugin.stdout).toContain('roam_rdma_plugin.so');
    await roam('lab', 'down', '--name', LAB);
  });
});
