import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type NumberedHost, planSlots, slotRanges } from '../../../src/fleet/slots.js';
import {
  ALL_NUMBERS,
  isWithin,
  judgeRanges,
  NUMBERS,
  overlap,
  parseRange,
  sysctlFile,
} from '../../../src/migrate/ranges.js';

const host = (name: string, more: Partial<NumberedHost> = {}): NumberedHost => ({
  host: name,
  ranges: ALL_NUMBERS,
  qpns: [],
  mrns: [],
  ...more,
});

describe('ranges of numbers', () => {
  it('are parts of all numbers, apart from each other, whatever their count', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 500 }), fc.nat(), fc.nat(), (count, x, y) => {
        const [a, b] = [slotRanges(x % count, count), slotRanges(y % count, count)];
        for (const kind of NUMBERS) {
          expect(a[kind][0]).toBeLessThanOrEqual(a[kind][1]);
          for (const bound of a[kind]) expect(isWithin(bound, ALL_NUMBERS[kind])).toBe(true);
          expect(overlap(a[kind], b[kind])).toBe(x % count === y % count);
        }
      }),
    );
  });

  it('go to hosts without one, and stay with those that have one', () => {
    const { assignments, warnings } = planSlots([
      host('a'),
      host('b', { ranges: slotRanges(0, 16) }),
      host('c'),
    ]);
    expect(assignments).toEqual([
      { host: 'a', ranges: slotRanges(1, 16), kept: false },
      { host: 'b', ranges: slotRanges(0, 16), kept: true },
      { host: 'c', ranges: slotRanges(2, 16), kept: false },
    ]);
    expect(warnings).toEqual([]);
  });

  it('never meet, whatever sizes the hosts had that were there before', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 40 }), fc.integer({ min: 4, max: 64 }), (before, slots) => {
        const hosts = [host('old', { ranges: slotRanges(1, before) }), host('a'), host('b')];
        let plan: ReturnType<typeof planSlots>;
        try {
          plan = planSlots(hosts, { slots });
        } catch (error) {
          expect(error).toMatchObject({ code: 'RANGES_EXHAUSTED' });
          return;
        }
        const [x, y, z] = plan.assignments.map(({ ranges }) => ranges);
        for (const kind of NUMBERS)
          for (const [one, other] of [
            [x, y],
            [x, z],
            [y, z],
          ])
            expect(one && other && overlap(one[kind], other[kind])).toBe(false);
      }),
    );
  });

  it('leave alone the numbers that others use, and suit those that the host uses', () => {
    const inSlot = (index: number) => slotRanges(index, 16).qpn[0] + 5;
    const hosts = [host('a', { qpns: [inSlot(3)] }), host('b', { qpns: [inSlot(0), inSlot(1)] })];
    const { assignments, warnings } = planSlots(hosts);
    expect(assignments.map(({ ranges }) => ranges)).toEqual([slotRanges(3, 16), slotRanges(0, 16)]);
    expect(warnings).toEqual([]);
  });

  it('say so when others use numbers of a range', () => {
    const theirs = slotRanges(1, 16);
    const { warnings } = planSlots([
      host('a', { ranges: slotRanges(0, 16), mrns: [theirs.mrn[0]] }),
      host('b', { ranges: theirs }),
    ]);
    expect(warnings).toEqual([
      'a has 1 object with numbers of the range of b: as long as they are there, it may have the same in use',
    ]);
  });

  it('that overlap are refused, unless all are given anew', () => {
    const hosts = [host('a', { ranges: slotRanges(0, 16) }), host('b', { ranges: slotRanges(0, 8) })];
    expect(() => planSlots(hosts)).toThrow(
      /^a and b have ranges of QPNs that overlap: 16 to 65550, and 16 to/,
    );
    const { assignments } = planSlots(hosts, { anew: true });
    expect(assignments.map(({ ranges }) => ranges)).toEqual([slotRanges(0, 16), slotRanges(1, 16)]);
  });

  it('run out', () => {
    expect(() => planSlots([host('a'), host('b'), host('c')], { slots: 2 })).toThrow(
      /^no range is left for c, with 2 of them$/,
    );
  });

  it('are read from and written for sysctl', () => {
    expect(parseRange('16\t1048576\n')).toEqual([16, 1048576]);
    expect(parseRange('16')).toBeUndefined();
    expect(sysctlFile(slotRanges(0, 16))).toContain('\n-net.rdma_rxe.qpn_range = 16 65550\n');
  });

  it('that two hosts share are told by preflight', () => {
    const [shared] = judgeRanges(ALL_NUMBERS, 'b', ALL_NUMBERS);
    expect(shared).toMatchObject({ severity: 'info', code: 'RANGES_OVERLAP', host: 'b' });
    expect(shared?.message).toContain('QPNs 16 to 1048576');
    expect(judgeRanges(slotRanges(0, 16), 'b', slotRanges(1, 16))).toEqual([]);
    expect(judgeRanges(ALL_NUMBERS, 'b', undefined)).toEqual([]);
  });
});
