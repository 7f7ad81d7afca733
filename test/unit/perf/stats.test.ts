import { describe, expect, it } from 'vitest';
import { bandwidthRow, latencyDurationRow, latencyRow, peak } from '../../../src/perf/stats.js';
import { addressText, headingText, LINE, rowText } from '../../../src/perf/text.js';
import type { Settled } from '../../../src/perf/types.js';

describe('bandwidth', () => {
  it('is size times messages over time, in MiB or Gb', () => {
    expect(bandwidthRow(1 << 20, 100, 1000, 0, false)).toMatchObject({ average: 100, messageRate: 1e-4 });
    expect(bandwidthRow(125_000, 1000, 1000, 0, true).average).toBe(1);
  });

  it('has its peak where the completions come fastest', () => {
    const posted = Float64Array.of(0, 1, 2, 3);
    const completed = Float64Array.of(10, 20, 21, 22);
    // Four messages in 22 ms; from the second post on three in 21 ms.
    expect(peak({ posted, completed }, 22, 1)).toBeCloseTo((22 * 4 * 1000) / 22, 6);
    const some = Float64Array.of(0, 20, 0, 22);
    expect(peak({ posted, completed: some }, 22, 2)).toBeCloseTo(4000, 6);
  });
});

describe('latency', () => {
  it('leaves out the two longest, as perftest does', () => {
    // 1, 2, ..., 10 ms between the starts.
    const starts = Float64Array.from([0, 1, 3, 6, 10, 15, 21, 28, 36, 45, 55]);
    const row = latencyRow(2, starts, 2);
    expect(row).toMatchObject({ size: 2, iterations: 11, min: 500, max: 4500, typical: 2250, average: 2250 });
    expect(row.p99).toBe(4500);
    expect(latencyRow(2, starts, 1).min).toBe(1000);
  });

  it('with a duration is its mean, and rounds by the second', () => {
    expect(latencyDurationRow(2, 1000, 2000, 2)).toEqual({
      size: 2,
      iterations: 1000,
      average: 1000,
      tps: 500,
    });
  });
});

describe('the output', () => {
  const options = { gbits: false, latency: false, verb: 'send' } as Settled;

  it("has perftest's columns", () => {
    expect(LINE).toHaveLength(87);
    expect(headingText(options)).toBe(
      ' #bytes     #iterations    BW peak[MiB/sec]    BW average[MiB/sec]   MsgRate[Mpps]',
    );
    expect(rowText(bandwidthRow(65536, 1000, 1000, 65.5 * (1 << 20), false), options)).toBe(
      ' 65536      1000             65.50              62.50  \t\t     0.001000',
    );
  });

  it("has perftest's addresses", () => {
    const key = {
      lid: 0,
      outReads: 1,
      qpn: 17,
      psn: 0xabcdef,
      rkey: 0x1234,
      address: 0x7f0011223000n,
      gid: '::ffff:10.0.0.1',
    };
    expect(addressText('local', options, key)).toBe(
      ' local address: LID 0000 QPN 0x0011 PSN 0xabcdef\n GID: 00:00:00:00:00:00:00:00:00:00:255:255:10:00:00:01',
    );
  });
});
