// What a connection for data carries, both ways: frames, so that a block may be compressed or not, that the receiver
// can tell how far it has come, and that an end is told apart from a connection that was lost.

/** Bytes of a header: kind, bytes that follow, bytes that they stand for; u32 each, little endian. */
export const HEADER = 12;

/** Most bytes that one frame stands for: 128 pages with what the page server's protocol says of them. */
export const BLOCK = 516 * 1024;

export const FrameKind = {
  /** The bytes themselves. */
  plain: 1,
  /** One frame of zstd. */
  zstd: 2,
  /** Asks for an answer once everything before it has arrived; nothing follows. */
  mark: 3,
  /** The answer to a mark. */
  reached: 4,
  /** The sender has nothing more to send. */
  end: 5,
} as const;

export interface FrameHeader {
  /** One of {@link FrameKind}. */
  kind: number;
  /** Bytes that follow. */
  length: number;
  /** Bytes that they stand for. */
  content: number;
}

export function encodeFrame({ kind, length, content }: FrameHeader): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER);
  bytes.writeUInt32LE(kind, 0);
  bytes.writeUInt32LE(length, 4);
  bytes.writeUInt32LE(content, 8);
  return bytes;
}

/** @throws Error when it is no header of a frame */
export function parseFrame(bytes: Buffer): FrameHeader {
  const header = {
    kind: bytes.readUInt32LE(0),
    length: bytes.readUInt32LE(4),
    content: bytes.readUInt32LE(8),
  };
  const { kind, length, content } = header;
  const carries = kind === FrameKind.plain || kind === FrameKind.zstd;
  const known = kind >= FrameKind.plain && kind <= FrameKind.end;
  // A compressed block is sent only where it is the smaller one.
  if (!known || content > BLOCK || length > content || (!carries && length > 0))
    throw new Error(`the other side sent a frame that is none (kind ${kind}, ${length} bytes)`);
  return header;
}
