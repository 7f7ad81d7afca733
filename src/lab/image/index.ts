import { type BaseImage, ensureBase } from './base.js';
import { ensureKernel } from './kernel.js';
import { ensurePayload, type Payload } from './payload.js';

/** All that QEMU needs to boot a node. */
export interface GuestImage {
  base: BaseImage;
  /** What QEMU boots. */
  kernel: string;
  payload: Payload;
}

/** Gives an up-to-date guest image; builds only what is missing or changed. */
export async function ensureImage(
  onProgress: (message: string) => void = () => {},
  signal?: AbortSignal,
): Promise<GuestImage> {
  const base = await ensureBase(onProgress, signal);
  return { base, kernel: await ensureKernel(base), payload: await ensurePayload(base, onProgress, signal) };
}
