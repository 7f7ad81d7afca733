import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { removeCriuRoots } from '../../src/migrate/oci/criu-root.js';

const bundles: string[] = [];

/** As a killed crun leaves it: the root file system once more, with a mount below. The name has a space. */
async function leftBehind(): Promise<string> {
  const bundle = await mkdtemp(join(tmpdir(), 'roam bundle-'));
  bundles.push(bundle);
  for (const directory of ['rootfs/proc', 'criu-root'])
    await mkdir(join(bundle, directory), { recursive: true });
  await writeFile(join(bundle, 'rootfs/file'), 'kept');
  execFileSync('mount', ['--bind', join(bundle, 'rootfs'), join(bundle, 'criu-root')]);
  execFileSync('mount', ['--bind', '/proc/sys/kernel', join(bundle, 'criu-root/proc')]);
  return bundle;
}

afterEach(async () => {
  await removeCriuRoots((bundle) => bundles.includes(bundle));
  for (const bundle of bundles.splice(0)) await rm(bundle, { recursive: true });
});

it("what a killed crun has left of a restore goes, and another container's stays", async () => {
  const [ours, other] = [await leftBehind(), await leftBehind()];
  await removeCriuRoots((bundle) => bundle === ours);
  expect(await readdir(ours)).toEqual(['rootfs']);
  expect(await readdir(join(ours, 'rootfs'))).toEqual(['file', 'proc']);
  expect(await readdir(join(other, 'criu-root'))).toEqual(['file', 'proc']);
  // Nothing there is as good.
  await removeCriuRoots((bundle) => bundle === ours);
});
