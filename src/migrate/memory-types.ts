// The public vocabulary of memory that goes before the process, or after it.
import type { CompressMode } from './wire/chooser.js';

/** How memory is sent before the freeze. */
export interface PreCopyOptions {
  /** Longest blackout that is wanted, in milliseconds; rounds go on until the predicted one is shorter. */
  maxBlackoutMs?: number;
  /** Most rounds before the freeze. Default 8. */
  maxRounds?: number;
  /**
   * What to do when no round makes the blackout short enough: `'stop'` (default) leaves the process where it is,
   * `'go'` moves it all the same.
   */
  onNoConvergence?: 'stop' | 'go';
}

/** One round of pre-copy: memory that was sent while the process ran. */
export interface PreCopyRound {
  /** 1 for the first. */
  round: number;
  /** Wall time in milliseconds. */
  ms: number;
  /** Bytes sent. */
  bytes: number;
  /** Pages sent. */
  pages: number;
  /** Pages that were not sent again, because nothing had written to them since the round before. */
  unchanged: number;
  /** With post-copy: of the pages sent, those that would have had to go in the freeze; the others could follow later. */
  inFreeze?: number;
  /** Bytes per second. */
  rate: number;
  /** Pages per second that the process and its devices wrote to during the round. */
  dirtyRate?: number;
  /** The blackout that would follow if the process were frozen after this round, in milliseconds. */
  predictedMs?: number;
}

/** Memory that followed the process. */
export interface PostCopyReport {
  /** Pages that the dump kept back. */
  kept: number;
  /** Pages that were sent; fewer where the process gave up some of its memory, more where it forked. */
  pages: number;
  /** Bytes sent. */
  bytes: number;
  /** From the moment the process ran until nothing was missing, in milliseconds. */
  ms: number;
}

/** How memory, images and carried files crossed the link: all rounds, the freeze, and what followed. */
export interface WireReport {
  channel: 'ssh' | 'tls';
  /** What was asked for, and what came of it; `mixed`: a part was compressed. */
  asked: CompressMode;
  used: 'zstd' | 'mixed' | 'none';
  /** Why nothing could be compressed although it was asked for; absent where it could. */
  unable?: string;
  /** Bytes before compression, and on the wire. */
  bytes: number;
  wireBytes: number;
  /** Those of `bytes` that went compressed. */
  compressedBytes: number;
  /** Bytes per second of the link, where it was the limit; of the stream that began last, as all that follows. */
  linkRate?: number;
  /** Bytes per second that the compressor took in, and what part of them it left, on real pages. */
  compressRate?: number;
  ratio?: number;
}
