import { rm } from 'node:fs/promises';

/** Removes a directory of images, into which a CRIU that is just ending may still write a last line of its log. */
export const removeDirectory = (dir: string): Promise<void> =>
  rm(dir, { recursive: true, force: true, maxRetries: 10 });
