// Whether to compress: what was measured in, a decision out.

/** `auto` measures, and compresses while that is faster. */
export type CompressMode = 'auto' | 'zstd' | 'none';

/** A part of a stream that was sent in one way, as its arrival was told. */
export interface Window {
  compressed: boolean;
  /** Bytes before and after compression, headers included in the latter. */
  bytes: number;
  wire: number;
  /** From the arrival of what was sent before it, in milliseconds. */
  ms: number;
  /** The link or the limit was what it waited for, and not whoever gives the bytes. */
  saturated: boolean;
}

/** Compression has to be so much faster that it is worth the processor. */
const WORTH = 1.05;

/** What took fewer bytes of the wire says more of its delay than of its rate. */
const LEAST_WIRE = 64 * 1024;

/** Windows from one look at the other way to the next; twice as many each time that it was in vain. */
const FIRST_LOOK = 8;
const LAST_LOOK = 128;

/** How much a new measurement counts against those before. */
const NEW = 0.5;

const average = (before: number | undefined, now: number): number =>
  before === undefined ? now : before + (now - before) * NEW;

/**
 * Bytes per second of several windows. Bytes and time are summed, not rates: two answers that were read at once
 * leave no time for the second window, whose rate alone says nothing.
 */
class Rate {
  #bytes = 0;
  #ms = 0;

  add(bytes: number, ms: number): void {
    this.#bytes = this.#bytes * (1 - NEW) + bytes;
    this.#ms = this.#ms * (1 - NEW) + ms;
  }

  get value(): number {
    return this.#bytes / Math.max(this.#ms / 1000, 1e-6);
  }
}

/**
 * Decides for one stream, window by window.
 *
 * A link that does not keep the sender waiting needs no compression. One that does is compared: bytes per second
 * that arrived without it, with those that a sample of the real pages promises with it, and from the first
 * compressed windows on with those that did arrive.
 */
export class Chooser {
  #link?: Rate;
  /** Bytes per second that the compressor takes in, and what part of them it leaves. */
  compressRate?: number;
  ratio?: number;
  /** Bytes per second that arrived, before compression, in compressed windows. */
  #gain?: Rate;
  #compressing = false;
  #windows = 0;
  #look = FIRST_LOOK;

  /** Bytes per second of the link, when it was what limited. */
  get linkRate(): number | undefined {
    return this.#link?.value;
  }

  /** A block was compressed, whether or not it is sent that way. */
  sampled(bytes: number, wire: number, ms: number): void {
    this.compressRate = average(this.compressRate, bytes / Math.max(ms / 1000, 1e-6));
    this.ratio = average(this.ratio, wire / bytes);
  }

  arrived({ compressed, bytes, wire, ms, saturated }: Window): void {
    if (saturated) {
      if (wire >= LEAST_WIRE) {
        this.#link ??= new Rate();
        this.#link.add(wire, ms);
      }
    }
    // Faster than the link was thought to be: that was long ago.
    else if (this.#link && (wire / ms) * 1000 > this.#link.value) this.#link = undefined;
    if (compressed) {
      this.#gain ??= new Rate();
      this.#gain.add(bytes, ms);
    }
  }

  /** For the next window. */
  next(): boolean {
    this.#windows++;
    const better = this.#better();
    if (better !== this.#compressing) {
      this.#compressing = better;
      this.#windows = 0;
      // What was left is judged anew when its turn comes.
      if (better) this.#gain = undefined;
    } else if (this.#compressing && this.#windows >= this.#look) {
      // A link that got faster does not show while the compressor is the slower one.
      this.#windows = 0;
      this.#look = Math.min(this.#look * 2, LAST_LOOK);
      return false;
    } else if (!this.#compressing && this.#gain !== undefined && this.#windows >= this.#look) {
      this.#gain = undefined;
      this.#look = Math.min(this.#look * 2, LAST_LOOK);
    }
    return this.#compressing;
  }

  #better(): boolean {
    const { linkRate, compressRate, ratio } = this;
    if (linkRate === undefined || compressRate === undefined || ratio === undefined) return false;
    const promised = Math.min(compressRate, linkRate / ratio);
    return (this.#gain?.value ?? promised) > linkRate * WORTH;
  }
}
