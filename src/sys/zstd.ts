// The system's libzstd. Not a WebAssembly build of it: one was measured at a tenth of its speed. Not the zstd program:
// it gives out what it was given when it likes, and a page server waits for what was sent. Not Node's own: 20 has none.
import { type Compressed, sys } from './addon.js';

/** Version of libzstd.so.1; undefined: it is not installed. @throws RoamError ADDON_NOT_BUILT, ADDON_NOT_LOADABLE */
export const zstdVersion = (): string | undefined => sys().zstdVersion();

/**
 * One frame of zstd, made on a thread of libuv's pool.
 *
 * @param bytes must not change until the promise is settled
 * @param level 1 (fast) to 19
 */
export const compress = (bytes: Uint8Array, level: number): Promise<Compressed> =>
  sys().zstdCompress(bytes, level);

/**
 * The content of one frame.
 *
 * @param length in bytes, 64 MiB at most
 * @throws Error when it is no frame of zstd, or another length comes out
 */
export const decompress = (bytes: Uint8Array, length: number): Promise<Buffer> =>
  sys().zstdDecompress(bytes, length);
