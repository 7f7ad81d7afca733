// What was sent over all streams of a migration, and how.
import type { WireReport } from '../types.js';
import type { Chooser, CompressMode } from './chooser.js';

const rounded = (rate: number | undefined) => (rate === undefined ? undefined : Math.round(rate));

export class Tally {
  /** Bytes before and after compression; of the former, those that went compressed. */
  bytes = 0;
  wire = 0;
  compressed = 0;
  /** Of the stream that sent last. */
  #chooser?: Chooser;

  constructor(
    private readonly channel: WireReport['channel'],
    private readonly asked: CompressMode,
    /** Why nothing is compressed, whatever was asked for. */
    private readonly unable?: string,
  ) {}

  /** A stream begins. */
  begin(chooser: Chooser): void {
    this.#chooser = chooser;
  }

  report(): WireReport {
    const { bytes, wire, compressed, channel, asked, unable } = this;
    const [linkRate, compressRate] = [rounded(this.#chooser?.linkRate), rounded(this.#chooser?.compressRate)];
    const ratio = this.#chooser?.ratio;
    return {
      channel,
      asked,
      used: compressed === 0 ? 'none' : compressed < bytes ? 'mixed' : 'zstd',
      bytes,
      wireBytes: wire,
      compressedBytes: compressed,
      ...(linkRate === undefined ? {} : { linkRate }),
      ...(compressRate === undefined ? {} : { compressRate }),
      ...(ratio === undefined ? {} : { ratio: Math.round(ratio * 1000) / 1000 }),
      ...(unable === undefined ? {} : { unable }),
    };
  }
}
