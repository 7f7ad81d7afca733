import { type BaseImage, ensureBase, type KernelChoice } from './base.js';
import { wantsDebugKernel, withDebugKernel } from './debug.js';
import { withExtra } from './extra.js';
import { ensureKernel } from './kernel.js';
import { ensurePayload, type Payload } from './payload.js';

export { KERNELS, type KernelChoice } from './base.js';

/** All that QEMU needs to boot a node. */
export interface GuestImage {
  base: BaseImage;
  /** What QEMU boots. */
  kernel: string;
  payload: Payload;
}

/** Gives an up-to-date guest image; builds only what is missing or changed. `extra`: what else is to be on it. */
export async function ensureImage(
  kernel: KernelChoice,
  onProgress: (message: string) => void = () => {},
  signal?: AbortSignal,
  extra?: string,
): Promise<GuestImage> {
  const plain = await ensureBase(kernel, onProgress, signal);
  const base = extra === undefined ? plain : await withExtra(plain, extra, onProgress, signal);
  const payload = await ensurePayload(base, onProgress, signal);
  const image = { base, kernel: await ensureKernel(base), payload };
  return wantsDebugKernel() ? withDebugKernel(image) : image;
}
