// What a round of pages is asked for, what it tells, and how it breaks.

import type { LazyPages } from './lazy.js';

/** What one round sent. */
export interface PageRound {
  /** Pages whose content was sent. */
  pages: number;
  /** Pages that were kept back: they go when the process runs again. */
  lazy: number;
  /** Of those that were sent: what could be kept back in a last round, unless a device has pinned it. */
  deferrable: number;
  /** Pages that CRIU gave, and that the other side had already: it can't see who writes to pinned memory. */
  unchanged: number;
  /** Bytes written to the page server. */
  bytes: number;
}

/** Page numbers, `end` excluded. */
export interface PageRange {
  first: number;
  end: number;
}

/** Memory that is registered with a device. */
export interface UntrackedMemory {
  /** What a device may have written without the page tables knowing; ascending and apart. */
  ranges: PageRange[];
  /** All that is pinned for a device; ascending and apart. */
  pinned: PageRange[];
  read(first: number, pages: number): Promise<Buffer>;
  /** Called when the round has ended. */
  close(): Promise<void>;
}

export interface RoundOptions {
  /** Ascending from 1. */
  round: number;
  /** The tasks are frozen and nothing follows: the memory that `untracked` tells is looked at too. */
  last: boolean;
  /** Memory of a process beyond the page tables' sight; asked once for each process, in the last round. */
  untracked?: (pid: number) => Promise<UntrackedMemory | undefined>;
  /** In the last round: takes what can go later, which is private memory that no device has pinned. */
  lazy?: LazyPages;
}

/** The stream of pages broke, and on whose side. */
export class PageStreamError extends Error {
  constructor(
    readonly side: 'criu' | 'server' | 'memory',
    message: string,
  ) {
    super(message);
  }
}
