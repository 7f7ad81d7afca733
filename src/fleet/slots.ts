// Ranges of numbers for the hosts of a fleet: facts in, ranges out.
import { RoamError } from '../errors.js';
import {
  ALL_NUMBERS,
  isUnassigned,
  isWithin,
  NUMBER_NAMES,
  NUMBERS,
  type NumberRange,
  type NumberRanges,
  overlap,
} from '../migrate/ranges.js';
import { count } from '../report/format.js';
import type { Assignment } from './types.js';

export const DEFAULT_SLOTS = 16;

/** A host as far as its numbers matter. */
export interface NumberedHost {
  host: string;
  ranges: NumberRanges;
  /** In use there, whoever gave them out. */
  qpns: number[];
  mrns: number[];
}

export interface SlotPlan {
  assignments: Assignment[];
  warnings: string[];
}

/** Part `index` of `count` equal ones of all numbers. */
export function slotRanges(index: number, count: number): NumberRanges {
  const part = ([first, last]: NumberRange): NumberRange => {
    const size = Math.floor((last - first + 1) / count);
    return [first + index * size, first + (index + 1) * size - 1];
  };
  return Object.fromEntries(NUMBERS.map((kind) => [kind, part(ALL_NUMBERS[kind])])) as NumberRanges;
}

const meet = (a: NumberRanges, b: NumberRanges): boolean => NUMBERS.some((kind) => overlap(a[kind], b[kind]));

const usedIn = ({ qpns, mrns }: NumberedHost, { qpn, mrn }: NumberRanges): number =>
  qpns.filter((number) => isWithin(number, qpn)).length +
  mrns.filter((number) => isWithin(number, mrn)).length;

/**
 * Gives each host that has none a range of its own. What a host has, it keeps; a free range in which others use no
 * number comes first, then one in which the host itself uses the most.
 *
 * @throws RoamError RANGES_OVERLAP, RANGES_EXHAUSTED
 */
export function planSlots(
  hosts: NumberedHost[],
  { slots = DEFAULT_SLOTS, anew = false }: { slots?: number; anew?: boolean } = {},
): SlotPlan {
  const given = new Map<NumberedHost, Assignment>();
  if (!anew)
    for (const host of hosts)
      if (!isUnassigned(host.ranges)) given.set(host, { host: host.host, ranges: host.ranges, kept: true });
  refuseOverlap([...given.values()]);
  for (const host of hosts) {
    if (given.has(host)) continue;
    const others = hosts.filter((other) => other !== host);
    const free = Array.from({ length: slots }, (_, index) => slotRanges(index, slots))
      .filter((ranges) => ![...given.values()].some((taken) => meet(ranges, taken.ranges)))
      .map((ranges) => ({
        ranges,
        foreign: others.reduce((sum, other) => sum + usedIn(other, ranges), 0),
        own: usedIn(host, ranges),
      }))
      // The sort keeps the order of what is equal: the lowest range first.
      .sort((a, b) => a.foreign - b.foreign || b.own - a.own);
    const [best] = free;
    if (!best)
      throw new RoamError('RANGES_EXHAUSTED', `no range is left for ${host.host}, with ${slots} of them`, {
        remedy: `allow for more hosts: --slots ${2 * slots}`,
      });
    given.set(host, { host: host.host, ranges: best.ranges, kept: false });
  }
  return {
    assignments: hosts.map((host) => given.get(host) as Assignment),
    warnings: [...given].flatMap(([host, { ranges }]) =>
      hosts
        .filter((other) => other !== host && usedIn(other, ranges) > 0)
        .map(
          (other) =>
            `${other.host} has ${count(usedIn(other, ranges), 'object')} with numbers of the range of ${host.host}: as long as they are there, it may have the same in use`,
        ),
    ),
  };
}

function refuseOverlap(kept: Assignment[]): void {
  for (const [i, a] of kept.entries())
    for (const b of kept.slice(i + 1)) {
      const kind = NUMBERS.find((name) => overlap(a.ranges[name], b.ranges[name]));
      if (!kind) continue;
      const words = (range: NumberRange) => range.join(' to ');
      throw new RoamError(
        'RANGES_OVERLAP',
        `${a.host} and ${b.host} have ranges of ${NUMBER_NAMES[kind]} that overlap: ${words(a.ranges[kind])}, and ${words(b.ranges[kind])}`,
        { remedy: 'give every host a new range: --anew' },
      );
    }
}
