import { describe, expect, it } from 'vitest';
import { limitRate } from '../../../src/migrate/bandwidth.js';
import { decide, describeRound } from '../../../src/migrate/convergence.js';
import { mergeRanges } from '../../../src/migrate/rdma.js';
import type { PreCopyRound } from '../../../src/migrate/types.js';

const round = (pages: number, predictedMs?: number): PreCopyRound => ({
  round: 1,
  ms: 100,
  bytes: pages * 4096,
  pages,
  unchanged: 0,
  rate: 1e9,
  ...(predictedMs === undefined ? {} : { predictedMs }),
});

describe('pre-copy goes on', () => {
  it.each([
    ['without a round', [], {}, 'again'],
    ['after the first, of which nothing is known', [round(10_000)], { maxBlackoutMs: 1e6 }, 'again'],
    [
      'until the blackout is short enough',
      [round(10_000), round(5000, 200)],
      { maxBlackoutMs: 300 },
      'freeze',
    ],
    ['while it shrinks', [round(10_000), round(5000, 900)], { maxBlackoutMs: 300 }, 'again'],
    [
      'not when it no longer does',
      [round(9000), round(5000, 900), round(4900, 890)],
      { maxBlackoutMs: 300 },
      'no-convergence',
    ],
    ['not for ever', [round(9000), round(900, 900)], { maxBlackoutMs: 300, maxRounds: 2 }, 'no-convergence'],
    ['not when nothing is left', [round(9000), round(100, 900)], { maxBlackoutMs: 300 }, 'no-convergence'],
    ['to the freeze if no limit is wanted', [round(9000), round(100, 900)], {}, 'freeze'],
  ] as const)('%s', (_, rounds, limits, expected) => {
    expect(decide([...rounds], { maxRounds: 8, ...limits })).toBe(expected);
  });
});

describe('with post-copy, pre-copy', () => {
  const left = (pages: number, inFreeze: number, predictedMs = 900) => ({
    ...round(pages, predictedMs),
    inFreeze,
  });

  it.each([
    [
      'ends when little is left to the freeze, whatever follows',
      [left(9000, 8000), left(8900, 100)],
      'no-convergence',
    ],
    ['goes on while that shrinks', [left(9000, 8000), left(9000, 6000), left(9000, 3000)], 'again'],
    [
      'ends when only that does not shrink',
      [left(9000, 800), left(6000, 700), left(3000, 690)],
      'no-convergence',
    ],
    ['ends when the blackout is short enough', [left(9000, 8000), left(9000, 6000, 200)], 'freeze'],
  ] as const)('%s', (_, rounds, expected) => {
    expect(decide([...rounds], { maxRounds: 8, maxBlackoutMs: 300 })).toBe(expected);
  });
});

describe('the predicted blackout', () => {
  const measured = { ms: 1100, pages: 2000, unchanged: 0, handed: 2000, bytes: 2000 * 4096 };
  const fixed = { setupMs: 100, qps: 0, container: false };

  it('is not known after one round', () => {
    expect(describeRound(1, measured, fixed)).not.toHaveProperty('predictedMs');
  });

  it('grows with what is written, with the setup and the QPs', () => {
    const predicted = (more: object, costs: object = {}) =>
      describeRound(2, { ...measured, sinceLastMs: 2200, ...more }, { ...fixed, ...costs }).predictedMs ?? 0;
    const base = predicted({});
    // 1000 pages will be written in the 1.1 s of the round, at half a millisecond each; four setups.
    expect(base).toBe(500 + 400);
    expect(predicted({ sinceLastMs: 1100 })).toBe(1000 + 400);
    expect(predicted({ sinceLastMs: 500 }), 'no more pages than there are').toBe(1000 + 400);
    expect(predicted({}, { qps: 100 })).toBe(base + 200);
    expect(predicted({}, { container: true })).toBe(base + 200);
    expect(predicted({ ms: 300 }, { setupMs: 200 }), 'a slower host').toBeGreaterThan(800);
  });

  it('counts pages that are read only to be found unchanged', () => {
    const round = { ...measured, sinceLastMs: 2200, pages: 10, unchanged: 1990, bytes: 10 * 4096 };
    expect(describeRound(2, round, fixed).predictedMs).toBe(500 + 400);
    expect(describeRound(2, { ...round, pages: 0, unchanged: 2000 }, fixed).predictedMs).toBe(500 + 400);
  });

  it('is that of the setup when nothing was written', () => {
    const round = { ...measured, ms: 100, sinceLastMs: 1200, pages: 0, handed: 0, bytes: 0 };
    expect(describeRound(2, round, fixed).predictedMs).toBe(400);
  });

  it('counts with post-copy only what has to go in the freeze', () => {
    const described = (postCopy?: { deferrable: number; pinned: number }) =>
      describeRound(2, { ...measured, sinceLastMs: 2200, ...(postCopy ? { postCopy } : {}) }, fixed);
    const all = described();
    expect(all).not.toHaveProperty('inFreeze');
    expect(described({ deferrable: 0, pinned: 500 })).toEqual({ ...all, inFreeze: 2000 });
    // Whatever is pinned may be among what was written.
    expect(described({ deferrable: 1500, pinned: 9000 })).toEqual({ ...all, inFreeze: 2000 });
    const half = described({ deferrable: 1500, pinned: 500 });
    expect(half).toMatchObject({ pages: 2000, inFreeze: 1000, dirtyRate: 909, rate: all.rate });
    // Half of the half second that sending takes.
    expect((all.predictedMs ?? 0) - (half.predictedMs ?? 0)).toBe(250);
    const none = described({ deferrable: 2000, pinned: 0 });
    expect(none.inFreeze).toBe(0);
    expect((all.predictedMs ?? 0) - (none.predictedMs ?? 0)).toBe(500);
  });
});

describe('a bandwidth limit', () => {
  it('delays what is beyond the rate, and saves nothing up', async () => {
    const clock = { time: 0, slept: [] as number[] };
    const pace = limitRate(1_000_000, {
      now: () => clock.time,
      sleep: async (ms) => {
        clock.slept.push(ms);
        clock.time += ms;
      },
    });
    await pace(50_000);
    expect(clock.slept, 'a burst').toEqual([]);
    await pace(100_000);
    expect(clock.slept).toEqual([100]);
    clock.time += 60_000;
    await pace(150_000);
    expect(clock.slept, 'after a pause').toEqual([100, 100]);
  });
});

describe('ranges', () => {
  it('become ascending and apart', () => {
    expect(
      mergeRanges([
        { first: 5, end: 9 },
        { first: 1, end: 3 },
        { first: 3, end: 4 },
        { first: 6, end: 7 },
      ]),
    ).toEqual([
      { first: 1, end: 4 },
      { first: 5, end: 9 },
    ]);
  });
});
