// Bytes that come in parts of any size, and leave in blocks.
import { BLOCK } from './frames.js';

export const lengthOf = (parts: Buffer[]): number => parts.reduce((sum, part) => sum + part.length, 0);

export const joined = (parts: Buffer[]): Buffer =>
  parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);

/** Blocks of at most {@link BLOCK} bytes, as the parts that they consist of. */
export function cut(chunks: Buffer[]): Buffer[][] {
  const blocks: Buffer[][] = [];
  let block: Buffer[] = [];
  let room = BLOCK;
  for (const chunk of chunks)
    for (let from = 0; from < chunk.length; ) {
      const part = chunk.subarray(from, from + room);
      from += part.length;
      room -= part.length;
      block.push(part);
      if (room > 0) continue;
      blocks.push(block);
      block = [];
      room = BLOCK;
    }
  if (block.length > 0) blocks.push(block);
  return blocks;
}
