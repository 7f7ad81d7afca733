// The system's libxxhash, which Debian's apt needs; see native/sys/digest.h.
import { sys } from './addon.js';

/**
 * XXH64 of each 4096 bytes, as two words (low, high) in `out`. False: libxxhash.so.0 is not installed.
 *
 * @param seed its low and its high word
 */
export const digestPages = (
  bytes: Uint8Array,
  out: Uint32Array,
  [low, high]: readonly [number, number],
): boolean => sys().digestPages(bytes, out, low, high);
