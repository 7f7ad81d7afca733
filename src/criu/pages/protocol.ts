// The page server's protocol: 24-byte commands, some of them followed by pages (criu/page-xfer.c).

/** Bytes of a page; the protocol has no other size on the machines that this package supports. */
export const PAGE = 4096;

/** Bytes of `struct page_server_iov`: cmd (u32), nr_pages (u32), vaddr (u64), dst_id (u64), little endian. */
export const COMMAND = 24;

export const PageCommand = {
  add: 1,
  hole: 2,
  open: 3,
  open2: 4,
  parent: 5,
  addFlags: 6,
  get: 7,
  /** Ours, not CRIU's: so many pages may come unasked. */
  push: 0x4000,
  close: 0x1023,
  forceClose: 0x1024,
} as const;

/** Flags of a run of pages, in the upper half of `cmd`. */
export const PageFlags = {
  /** The pages are those of the parent images. */
  parent: 1,
  /** Post-copy may bring them later. */
  lazy: 2,
  /** The pages follow. */
  present: 4,
} as const;

export interface PageHeader {
  /** One of {@link PageCommand}. */
  command: number;
  /** {@link PageFlags}. */
  flags: number;
  pages: number;
  /** Page number: address / 4096. A double holds it exactly, an address not always. */
  first: number;
  /** Which memory: a process or a shared segment. */
  id: bigint;
}

const COMMAND_BITS = 16;
const PAGE_BITS = 12n;
const TYPE_BITS = 8n;
const TYPE_PROCESS = 1n;

export function parseHeader(bytes: Buffer): PageHeader {
  const word = bytes.readUInt32LE(0);
  return {
    command: word & ((1 << COMMAND_BITS) - 1),
    flags: word >>> COMMAND_BITS,
    pages: bytes.readUInt32LE(4),
    first: Number(bytes.readBigUInt64LE(8) >> PAGE_BITS),
    id: bytes.readBigUInt64LE(16),
  };
}

export function encodeHeader({ command, flags, pages, first, id }: PageHeader): Buffer {
  const bytes = Buffer.allocUnsafe(COMMAND);
  bytes.writeUInt32LE(((flags << COMMAND_BITS) | command) >>> 0, 0);
  bytes.writeUInt32LE(pages, 4);
  bytes.writeBigUInt64LE(BigInt(first) << PAGE_BITS, 8);
  bytes.writeBigUInt64LE(id, 16);
  return bytes;
}

/** The pid whose memory it is, as CRIU numbers it; undefined for shared memory. */
export function processOf(id: bigint): number | undefined {
  return (id & ((1n << TYPE_BITS) - 1n)) === TYPE_PROCESS ? Number(id >> TYPE_BITS) : undefined;
}

/** Whether pages follow the command. */
export function carriesPages({ command, flags }: PageHeader): boolean {
  return (
    command === PageCommand.add || (command === PageCommand.addFlags && (flags & PageFlags.present) !== 0)
  );
}
