// The sending half of a framed stream.
import type { ByteChannel } from '../../criu/pages/channel.js';
import { type Compressed, compress } from '../../sys/index.js';
import { cut, joined, lengthOf } from './blocks.js';
import { Chooser, type CompressMode } from './chooser.js';
import { BLOCK, encodeFrame, FrameKind, HEADER } from './frames.js';
import type { Tally } from './tally.js';

export interface SenderOptions {
  /** Default `none`. */
  mode?: CompressMode;
  /** Called with the bytes of the wire before they are written, and may delay them. */
  pace?: (bytes: number) => Promise<void> | void;
  tally?: Tally;
}

/** What the fastest setting of zstd leaves is little more than what its slower ones leave, in memory of programs. */
const LEVEL = 1;

/** A block of which compression leaves more than this goes as it is: the receiver's time is worth more. */
const NOT_WORTH = 0.95;

/** A sample of less says little, and one of more costs time that a slow processor lacks; in bytes. */
const LEAST_SAMPLE = 16 * 1024;
const MOST_SAMPLE = 64 * 1024;

/** So many times as long as a sample took, none is taken after it. */
const SAMPLE_PAUSE = 50;

/** Bytes that one decision is for: little at first, to come to one soon. */
const FIRST_WINDOW = 256 * 1024;
const WINDOW = 2 * 1024 * 1024;
/** Windows of the first kind. */
const FIRST_WINDOWS = 4;

/** Bytes that wait for the connection while the next block is being made. */
const QUEUE = 1024 * 1024;

/** The part of a window's time in which its sender waited for the link that makes the link its limit. */
const SATURATED = 0.5;

interface OpenWindow {
  compressed: boolean;
  bytes: number;
  wire: number;
  /** Times of performance.now(). */
  startedAt: number;
  closedAt: number;
  /** Milliseconds. */
  waited: number;
}

export class FrameSender {
  readonly chooser = new Chooser();
  readonly #mode: CompressMode;
  #window: OpenWindow;
  #windows = 0;
  /** Sent, and not told to have arrived. */
  readonly #under: OpenWindow[] = [];
  #lastArrival?: number;
  /** Time of performance.now() from which on a sample may be taken. */
  #sampleFrom = 0;
  /** Bytes handed to the connection that have not left it. */
  #queued = 0;
  #room?: () => void;
  #closed = false;
  #written: Promise<void> = Promise.resolve();

  constructor(
    private readonly channel: ByteChannel,
    private readonly options: SenderOptions,
  ) {
    this.#mode = options.mode ?? 'none';
    options.tally?.begin(this.chooser);
    this.#window = this.#open();
  }

  /** Resolves when there is room for more. @throws Error when the connection is closed */
  async send(chunks: Buffer[]): Promise<void> {
    const blocks = cut(chunks);
    if (this.#window.bytes === 0) this.#window.startedAt = performance.now();
    // A window is of one kind: what follows it is decided anew.
    for (let i = 0; i < blocks.length; ) {
      const group = this.#window.compressed ? blocks.slice(i, i + this.#blocksLeft()) : [];
      const packed = await this.#compress(group);
      for (const [k, block] of group.entries()) await this.#block(block, packed[k]);
      if (group.length === 0) await this.#block(blocks[i] as Buffer[], undefined);
      i += Math.max(1, group.length);
    }
  }

  /** So many blocks fit into the window, of the largest size. */
  #blocksLeft(): number {
    return Math.max(1, Math.ceil((this.#size - this.#window.bytes) / BLOCK));
  }

  get #size(): number {
    return this.#windows > FIRST_WINDOWS ? WINDOW : FIRST_WINDOW;
  }

  /** Resolves when what was sent has left, and may change. @throws Error when the connection is closed */
  get written(): Promise<void> {
    return this.#written;
  }

  /** Nothing follows. */
  end(): Promise<void> {
    this.#put([encodeFrame({ kind: FrameKind.end, length: 0, content: 0 })]);
    return this.#written;
  }

  /** The receiver's side: everything before a mark has come. */
  answer(): void {
    this.#put([encodeFrame({ kind: FrameKind.reached, length: 0, content: 0 })]);
  }

  reached(): void {
    const window = this.#under.shift();
    if (!window) return;
    const now = performance.now();
    const { compressed, bytes, wire, startedAt, closedAt, waited } = window;
    const before = this.#lastArrival;
    // All of it was on its way already when the one before arrived: nothing but the link was between the two.
    const behind = before !== undefined && closedAt <= before;
    const saturated = behind || waited > (closedAt - startedAt) * SATURATED;
    this.#lastArrival = now;
    this.chooser.arrived({
      compressed,
      bytes,
      wire,
      ms: now - Math.max(before ?? 0, startedAt),
      saturated,
    });
  }

  /** Nobody waits for room any more. */
  closed(): void {
    this.#closed = true;
    this.#room?.();
  }

  async #block(block: Buffer[], packed: Buffer | undefined): Promise<void> {
    const content = lengthOf(block);
    const isSmaller = packed !== undefined && packed.length < content * NOT_WORTH;
    const parts = isSmaller ? [packed] : block;
    if (!packed) this.#sample(block, content);
    const length = isSmaller ? packed.length : content;
    const kind = isSmaller ? FrameKind.zstd : FrameKind.plain;
    const wire = HEADER + length;
    const waiting = performance.now();
    await this.options.pace?.(wire);
    await this.#hasRoom();
    this.#window.waited += performance.now() - waiting;
    this.#put([encodeFrame({ kind, length, content }), ...parts]);
    const { tally } = this.options;
    if (tally) {
      tally.bytes += content;
      tally.wire += wire;
      if (isSmaller) tally.compressed += content;
    }
    this.#window.bytes += content;
    this.#window.wire += wire;
    this.#close();
  }

  /** All at once: libuv has more than one thread. */
  async #compress(blocks: Buffer[][]): Promise<Buffer[]> {
    if (blocks.length === 0) return [];
    const packed = await Promise.all(blocks.map((block) => compress(joined(block), LEVEL)));
    const bytes = blocks.reduce((sum, block) => sum + lengthOf(block), 0);
    const ms = packed.reduce((sum, one) => sum + one.ms, 0);
    const frames = packed.map((one) => one.bytes);
    if (bytes >= LEAST_SAMPLE) this.chooser.sampled(bytes, lengthOf(frames), ms);
    return frames;
  }

  /** What compression would make of it, now and then; nothing waits for that. */
  #sample(block: Buffer[], content: number): void {
    const started = performance.now();
    if (this.#mode !== 'auto' || content < LEAST_SAMPLE || started < this.#sampleFrom) return;
    const isFirst = this.#sampleFrom === 0;
    this.#sampleFrom = Number.POSITIVE_INFINITY;
    const sample = joined(block).subarray(0, MOST_SAMPLE);
    const note = ({ bytes, ms }: Compressed) => {
      const now = performance.now();
      this.chooser.sampled(sample.length, bytes.length, ms);
      this.#sampleFrom = now + (now - started) * SAMPLE_PAUSE;
    };
    // The first one of all makes zstd's tables, which no other has to.
    const measured = isFirst
      ? compress(sample, LEVEL).then(() => compress(sample, LEVEL))
      : compress(sample, LEVEL);
    // Without a sample nothing is compressed.
    measured.then(note, () => {});
  }

  #open(): OpenWindow {
    this.#windows++;
    const compressed = this.#mode === 'zstd' || (this.#mode === 'auto' && this.chooser.next());
    const now = performance.now();
    return { compressed, bytes: 0, wire: 0, startedAt: now, closedAt: now, waited: 0 };
  }

  #close(): void {
    if (this.#mode === 'none' || this.#window.bytes < this.#size) return;
    this.#put([encodeFrame({ kind: FrameKind.mark, length: 0, content: 0 })]);
    this.#window.closedAt = performance.now();
    this.#under.push(this.#window);
    this.#window = this.#open();
  }

  #put(parts: Buffer[]): void {
    if (this.#closed) return;
    const length = lengthOf(parts);
    this.#queued += length;
    this.#written = this.channel.write(...parts).then(() => {
      this.#queued -= length;
      if (this.#queued <= QUEUE) this.#room?.();
    });
    this.#written.catch(() => this.closed());
  }

  async #hasRoom(): Promise<void> {
    while (this.#queued > QUEUE && !this.#closed)
      await new Promise<void>((resolve) => {
        this.#room = resolve;
      });
    if (this.#closed) throw new Error('the connection was closed');
  }
}
