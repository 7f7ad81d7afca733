import { open, readFile, rename, stat } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import type { BaseImage } from './base.js';

const ZSTD_MAGIC = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
const ELF_MAGIC = Buffer.from([0x7f, 0x45, 0x4c, 0x46]);

/**
 * Gives the kernel as the ELF image inside Debian's vmlinuz, which QEMU enters directly (PVH): that
 * saves the BIOS and the unpacking, a third of the kernel's boot under emulation. A kernel that is
 * packed otherwise is given as it is.
 */
export async function ensureKernel(base: BaseImage): Promise<string> {
  const file = path.join(base.dir, 'vmlinux');
  if (await stat(file).catch(() => undefined)) return file;
  const packed = await readFile(base.vmlinuz);
  const start = packed.indexOf(ZSTD_MAGIC);
  if (start < 0) return base.vmlinuz;
  const scratch = `${file}.${process.pid}`;
  // What follows the compressed kernel in the file makes zstd complain at its end.
  await execa('zstd', ['-dcq'], {
    input: packed.subarray(start),
    stdout: { file: scratch },
    reject: false,
  });
  const handle = await open(scratch);
  const { buffer } = await handle.read(Buffer.alloc(4), 0, 4, 0);
  await handle.close();
  if (!buffer.equals(ELF_MAGIC)) return base.vmlinuz;
  await rename(scratch, file);
  return file;
}
