import { describe, expect, it } from 'vitest';
import { Chooser } from '../../../src/migrate/wire/chooser.js';

const MIB = 1024 * 1024;

describe('whether to compress', () => {
  const sample = (chooser: Chooser, rate: number, ratio: number) =>
    chooser.sampled(MIB, MIB * ratio, (MIB / rate) * 1000);
  const plain = (rate: number, saturated: boolean) => ({
    compressed: false,
    bytes: MIB,
    wire: MIB,
    ms: (MIB / rate) * 1000,
    saturated,
  });
  const packed = (rate: number, ratio: number, saturated: boolean) => ({
    compressed: true,
    bytes: MIB,
    wire: MIB * ratio,
    ms: (MIB / rate) * 1000,
    saturated,
  });

  it('is not to compress before anything is known, nor while the link keeps up', () => {
    const chooser = new Chooser();
    expect(chooser.next()).toBe(false);
    sample(chooser, 300 * MIB, 0.3);
    chooser.arrived(plain(50 * MIB, false));
    expect(chooser.next()).toBe(false);
  });

  it('is to compress when link and compressor promise more', () => {
    for (const [link, compressor, ratio, better] of [
      [50, 300, 0.3, true],
      [50, 40, 0.3, false],
      [50, 300, 0.98, false],
      [400, 300, 0.3, false],
    ] as const) {
      const chooser = new Chooser();
      sample(chooser, compressor * MIB, ratio);
      chooser.arrived(plain(link * MIB, true));
      expect(chooser.next(), `link ${link}, compressor ${compressor}, ratio ${ratio}`).toBe(better);
    }
  });

  it('does not take two answers that came at once for a fast link', () => {
    const chooser = new Chooser();
    sample(chooser, 300 * MIB, 0.3);
    chooser.arrived(plain(50 * MIB, true));
    chooser.arrived({ ...plain(50 * MIB, true), ms: 0 });
    expect(chooser.linkRate).toBeLessThan(200 * MIB);
    expect(chooser.next()).toBe(true);
  });

  it('is taken back when what arrives is not more, and tried again later', () => {
    const chooser = new Chooser();
    sample(chooser, 300 * MIB, 0.3);
    chooser.arrived(plain(50 * MIB, true));
    expect(chooser.next()).toBe(true);
    // The receiver was the limit, not the link.
    chooser.arrived(packed(45 * MIB, 0.3, false));
    expect(chooser.next()).toBe(false);
    const later = Array.from({ length: 12 }, () => {
      chooser.arrived(plain(50 * MIB, true));
      return chooser.next();
    });
    expect(later[0]).toBe(false);
    expect(later).toContain(true);
  });

  it('looks at the link without compression from time to time, and stays with what is faster', () => {
    const chooser = new Chooser();
    sample(chooser, 100 * MIB, 0.3);
    chooser.arrived(plain(50 * MIB, true));
    const chosen = Array.from({ length: 20 }, () => {
      const compressed = chooser.next();
      // The link is five times as fast now.
      chooser.arrived(compressed ? packed(100 * MIB, 0.3, false) : plain(250 * MIB, true));
      return compressed;
    });
    expect(chosen.slice(0, 8)).not.toContain(false);
    expect(chosen.at(-1)).toBe(false);
  });
});
