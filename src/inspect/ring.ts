// How full a queue is, by the ring that the program maps (struct rxe_queue_buf of <rdma/rdma_user_rxe.h>).
import type { QueueStruct } from './layouts.js';

/** Bytes before the elements; each index has a cache line of its own. */
const HEAD = 384;
const ELEMENT_SIZE = 0;
const MASK = 4;
const PRODUCER = 128;
const CONSUMER = 256;

/**
 * Entries between the two ends. The driver's own index counts, not the one that the program can write to; what
 * it has to take from the ring may be spoilt.
 *
 * @param driver The end at which the driver is.
 * @returns null where the ring makes no sense
 */
export function ringLength(
  bytes: Uint8Array,
  offset: number,
  { buf_size: size, index }: QueueStruct,
  driver: 'consumer' | 'producer',
): number | null {
  if (size < BigInt(HEAD) || BigInt(offset) + size > BigInt(bytes.length)) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, HEAD);
  const mask = view.getUint32(MASK, true);
  const slots = BigInt(mask) + 1n;
  const shift = view.getUint32(ELEMENT_SIZE, true);
  const isPowerOfTwo = (slots & BigInt(mask)) === 0n;
  if (!isPowerOfTwo || shift > 31 || BigInt(HEAD) + (slots << BigInt(shift)) > size) return null;
  const other = view.getUint32(driver === 'consumer' ? PRODUCER : CONSUMER, true);
  return Number(BigInt(driver === 'consumer' ? other - index : index - other) & BigInt(mask));
}
