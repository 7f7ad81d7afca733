import { cp, mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { packageRoot } from '../../package-root.js';
import { cacheDir, hashInputs, pruneCache, withCacheLock } from '../cache.js';
import type { BaseImage } from './base.js';
import { buildComponent, type Component, components } from './components.js';
import { makeInitramfs } from './initramfs.js';
import { stagePackage } from './package.js';

/** The disk with what this package brings into a node, and the initramfs that mounts it. */
export interface Payload {
  disk: string;
  initramfs: string;
  /** Program for the host: prints the frequency of its time stamp counter. */
  tscKhz: string;
  /** Names of the parts on it: `module`, `plugin`, ... Parts without sources in this checkout are absent. */
  parts: string[];
}

/**
 * Builds what has changed since the last time (each part is cached by the hash of its sources) and
 * packs it into a small read-only disk. Seconds when a part changed, milliseconds when none did.
 *
 * @throws LabError naming the part whose build failed and its log.
 */
export async function ensurePayload(
  base: BaseImage,
  onProgress: (message: string) => void,
  signal?: AbortSignal,
): Promise<Payload> {
  return withCacheLock('payload', async () => {
    const baseId = path.basename(base.dir);
    const built: { part: Component; dir: string }[] = [];
    const results = await Promise.allSettled(
      (await components()).map(async (part) => ({
        part,
        dir: await buildComponent(part, base, onProgress, signal),
      })),
    );
    for (const result of results) {
      if (result.status === 'rejected') throw result.reason;
      built.push(result.value);
    }
    const names = built.map(({ dir }) => path.basename(dir));
    const packageInputs = [
      'dist',
      'package.json',
      'package-lock.json',
      'scripts',
      'src/lab/guest/init',
      'src/lab/guest/load-rxe',
      'src/lab/guest/initramfs-init',
    ].map((file) => path.join(packageRoot, file));
    const id = await hashInputs([baseId, ...names], packageInputs);
    const dir = path.join(cacheDir(), `payload-${id}`);
    const payload: Payload = {
      disk: path.join(dir, 'payload.ext4'),
      initramfs: path.join(dir, 'initramfs.gz'),
      tscKhz: path.join(dir, 'tsc-khz'),
      parts: built.map(({ part }) => part.name),
    };
    if (await stat(dir).catch(() => undefined)) {
      await utimes(dir, new Date(), new Date());
      return payload;
    }
    onProgress('guest image: packing the payload disk');
    const scratch = `${dir}.new`;
    await rm(scratch, { recursive: true, force: true });
    const stage = path.join(scratch, 'stage');
    await mkdir(path.join(stage, 'guest'), { recursive: true });
    for (const { part, dir: from } of built)
      await cp(from, path.join(stage, part.target), { recursive: true });
    for (const file of ['init', 'load-rxe'])
      await cp(path.join(packageRoot, 'src/lab/guest', file), path.join(stage, 'guest', file));
    await execa('chmod', ['755', path.join(stage, 'guest/init'), path.join(stage, 'guest/load-rxe')]);
    await stagePackage(path.join(stage, 'package'));
    await makeDisk(stage, path.join(scratch, 'payload.ext4'));
    await makeInitramfs(base, path.join(scratch, 'initramfs.gz'));
    await cp(path.join(stage, 'guest/tsc-khz'), path.join(scratch, 'tsc-khz'));
    await rm(stage, { recursive: true });
    await rename(scratch, dir);
    await pruneCache('payload-', [path.basename(dir)], 2);
    await pruneCache('part-', names, 8);
    return payload;
  });
}

async function makeDisk(stage: string, disk: string): Promise<void> {
  const { stdout } = await execa('du', ['-sm', '--apparent-size', stage]);
  const files = (await readdir(stage, { recursive: true })).length;
  const megabytes = Math.ceil(Number.parseInt(stdout, 10) * 1.3 + files / 200) + 8;
  await execa('mke2fs', [
    '-q',
    '-t',
    'ext4',
    '-O',
    '^has_journal',
    '-m',
    '0',
    '-N',
    String(files + 200),
    '-E',
    'root_owner=0:0',
    '-d',
    stage,
    disk,
    `${megabytes}M`,
  ]);
}
