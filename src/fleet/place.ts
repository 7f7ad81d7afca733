// Where things that leave a host may go: facts in, an order of destinations out.
import type { NodeFacts } from '../migrate/agent/survey.js';
import { IMAGE_OVERHEAD } from '../migrate/judge-fit.js';
import type { Movable } from '../migrate/movables.js';
import { mebibytes } from '../migrate/run.js';

/** What a destination has left, as things are placed on it one after the other. */
export interface Place {
  host: string;
  hostname: string;
  memoryAvailable: number;
  memoryTotal: number;
  cpus: number;
  /** Tasks that want to run; what is placed counts as one. */
  load: number;
  qpns: Set<number>;
  mrns: Set<number>;
  addresses: Set<string>;
}

export const placeOfNode = (host: string, facts: NodeFacts): Place => ({
  host,
  hostname: facts.hostname,
  memoryAvailable: facts.memoryAvailable,
  memoryTotal: facts.memoryTotal,
  cpus: facts.cpus,
  load: facts.load,
  qpns: new Set(facts.qpns.map(({ qpn }) => qpn)),
  mrns: new Set(facts.mrKeys.map(({ key }) => key >>> 8)),
  addresses: new Set(facts.addresses.map(({ ip }) => ip)),
});

type Load = Pick<Movable, 'memory' | 'qpns' | 'mrns'>;

/** Why something has no place there; undefined: it has one. */
export function lackOf(unit: Load, place: Place, ip?: string): string | undefined {
  // The images lie in memory beside the process that is restored from them.
  const needed = 2 * unit.memory + IMAGE_OVERHEAD;
  if (place.memoryAvailable < needed)
    return `${mebibytes(needed)} of memory are needed, ${mebibytes(Math.max(0, place.memoryAvailable))} are left`;
  const qpn = unit.qpns.find((number) => place.qpns.has(number));
  if (qpn !== undefined) return `QPN ${qpn} is in use`;
  const mrn = unit.mrns.find((number) => place.mrns.has(number));
  if (mrn !== undefined) return `an MR key of number ${mrn} is in use`;
  const address = ip?.split('/')[0];
  if (address !== undefined && place.addresses.has(address)) return `${address} is an address of it already`;
  return undefined;
}

export interface Candidates {
  /** The best first. */
  fit: Place[];
  unfit: { host: string; reason: string }[];
}

/** Share of memory and of processor time that a place has left, with the thing on it. */
function left(unit: Load, { memoryAvailable, memoryTotal, cpus, load }: Place): number[] {
  const memory = (memoryAvailable - unit.memory) / memoryTotal;
  const time = Math.max(0, 1 - (load + 1) / cpus);
  // What is scarcer decides; between hosts that are equally busy, memory does.
  return [Math.min(memory, time), memory];
}

/** Destinations with room and without a collision, that with the most left first; of equal ones the first named. */
export function candidates(unit: Load, places: Place[], ip?: string): Candidates {
  const judged = places.map((place) => ({ place, reason: lackOf(unit, place, ip), left: left(unit, place) }));
  const fit = judged
    .filter(({ reason }) => reason === undefined)
    .sort((a, b) => (b.left[0] ?? 0) - (a.left[0] ?? 0) || (b.left[1] ?? 0) - (a.left[1] ?? 0));
  return {
    fit: fit.map(({ place }) => place),
    unfit: judged.flatMap(({ place, reason }) =>
      reason === undefined ? [] : [{ host: place.host, reason }],
    ),
  };
}

/** From now on the thing counts there. @param parallel several are on their way at once, with their images */
export function occupy(place: Place, unit: Load, ip: string | undefined, parallel: boolean): void {
  place.memoryAvailable -= parallel ? 2 * unit.memory + IMAGE_OVERHEAD : unit.memory;
  place.load += 1;
  for (const qpn of unit.qpns) place.qpns.add(qpn);
  for (const mrn of unit.mrns) place.mrns.add(mrn);
  if (ip) place.addresses.add(ip.split('/')[0] ?? ip);
}

/**
 * The address that moves with each thing, by its target; or why none can.
 *
 * @param wanted `auto`: what floats; `none`; or a list of those that float
 */
export function addressesOf(
  units: Movable[],
  wanted: 'auto' | 'none' | string[],
): Map<string, { ip?: string; problem?: string }> {
  const uses = (unit: Movable) =>
    wanted === 'none'
      ? []
      : wanted === 'auto'
        ? unit.floating
        : unit.floating.filter((ip) => wanted.includes(ip));
  return new Map(
    units.map((unit) => {
      const [ip, ...more] = uses(unit);
      if (ip === undefined) return [unit.target, {}];
      if (more.length > 0)
        return [
          unit.target,
          { problem: `it uses ${[ip, ...more].join(' and ')}, and one address can move with it` },
        ];
      const other = units.find((candidate) => candidate !== unit && uses(candidate).includes(ip));
      if (other)
        return [unit.target, { problem: `${ip} is used by ${other.target} too, and can move with one` }];
      return [unit.target, { ip }];
    }),
  );
}
