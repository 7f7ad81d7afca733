import { createReadStream, createWriteStream } from 'node:fs';
import { rename, stat } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { LabError } from '../../errors.js';
import { cacheDir } from '../cache.js';
import type { GuestImage } from './index.js';

/**
 * Whether nodes boot the kernel that scripts/debug-kernel.sh makes, which looks for misuse of memory and locks. It
 * takes several times the memory and the time.
 */
export function wantsDebugKernel(): boolean {
  return Boolean(process.env.ROAM_LAB_DEBUG_KERNEL);
}

/** The same image with that kernel, and both rdma_rxe modules for it in a second archive behind the initramfs. */
export async function withDebugKernel(image: GuestImage): Promise<GuestImage> {
  const dir = path.join(cacheDir(), 'debug-kernel');
  const kernel = path.join(dir, 'vmlinux');
  const modules = path.join(dir, 'modules.cpio.gz');
  for (const file of [kernel, modules])
    if (!(await stat(file).catch(() => undefined)))
      throw new LabError(`${file} is missing`, {
        code: 'LAB_KERNEL',
        remedy: 'run scripts/debug-kernel.sh, which builds the kernel and the module for it',
      });
  const initramfs = path.join(dir, 'initramfs.gz');
  const scratch = `${initramfs}.${process.pid}`;
  await pipeline(createReadStream(image.payload.initramfs), createWriteStream(scratch));
  await pipeline(createReadStream(modules), createWriteStream(scratch, { flags: 'a' }));
  await rename(scratch, initramfs);
  return { ...image, kernel, payload: { ...image.payload, initramfs } };
}
