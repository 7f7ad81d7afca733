import { describe, expect, it } from 'vitest';
import { settle } from '../../../src/perf/settle.js';
import type { PerfOptions } from '../../../src/perf/types.js';

describe('settle', () => {
  it.each([
    ['send_bw', { size: 65536, iterations: 1000, txDepth: 128, rxDepth: 512, cqMod: 1 }],
    ['write_bw', { size: 65536, iterations: 5000, txDepth: 128, rxDepth: 1, cqMod: 1 }],
    ['read_bw', { size: 65536, iterations: 1000, txDepth: 128, rxDepth: 1, cqMod: 1 }],
    ['atomic_bw', { size: 8, iterations: 1000, txDepth: 128, rxDepth: 1, cqMod: 100 }],
    ['send_lat', { size: 2, iterations: 1000, txDepth: 1, rxDepth: 512, cqMod: 1 }],
    ['write_lat', { size: 2, iterations: 1000, txDepth: 1, rxDepth: 1, cqMod: 1 }],
    ['read_lat', { size: 2, iterations: 1000, txDepth: 1, rxDepth: 1, cqMod: 1 }],
  ] as const)("gives %s perftest's defaults", (test, expected) => {
    expect(settle({ test, host: 'b' })).toMatchObject(expected);
  });

  it('adjusts depths to few iterations, and moderation to small messages', () => {
    expect(settle({ test: 'send_bw', host: 'b', iterations: 50 })).toMatchObject({
      txDepth: 50,
      rxDepth: 50,
    });
    expect(settle({ test: 'send_bw', host: 'b', size: 64 }).cqMod).toBe(100);
    expect(settle({ test: 'send_bw', host: 'b', size: 64, txDepth: 10 }).cqMod).toBe(10);
    expect(settle({ test: 'send_bw', host: 'b', rxDepth: 5 }).rxDepth).toBe(6);
    expect(settle({ test: 'send_bw', host: 'b', all: true })).toMatchObject({ size: 8 << 20, cqMod: 100 });
  });

  it('knows no peak where there is none', () => {
    const noPeak = (options: Partial<PerfOptions>) => settle({ test: 'send_bw', ...options }).noPeak;
    expect(noPeak({ host: 'b' })).toBe(false);
    expect(noPeak({})).toBe(true);
    expect(noPeak({ bidirectional: true })).toBe(false);
    expect(noPeak({ host: 'b', iterations: 20_001 })).toBe(true);
    expect(noPeak({ host: 'b', duration: 4 })).toBe(true);
  });

  it.each([
    [{ test: 'send_lat', bidirectional: true }, /-b goes with bandwidth tests only/],
    [{ test: 'atomic_bw', size: 16 }, /the size of an atomic is 8 bytes/],
    [{ test: 'write_lat', events: true }, /-e does not go with write_lat/],
    [{ test: 'send_bw', duration: 4, margin: 2 }, /leave nothing of a duration of 4 s/],
    [{ test: 'send_bw', duration: 4, all: true }, /-D goes neither with -a nor with -e/],
    [{ test: 'write_bw', connection: 'UD' }, /a UD QP knows no write/],
    [{ test: 'send_bw', qps: 0 }, /-q must be a number from 1 to 16384, not 0/],
    [{ test: 'send_bw', iterations: 4 }, /-n must be a number from 5/],
  ] as const)('refuses %j', (options, message) => {
    expect(() => settle(options as PerfOptions)).toThrow(message);
  });
});
