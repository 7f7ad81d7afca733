// What goes where, before anything moves.
import { RoamError } from '../errors.js';
import { bySeverity, errorsOf } from '../migrate/findings.js';
import type { CheckReport, Finding, InspectOptions } from '../migrate/types.js';
import { failureOf } from './nodes.js';
import { addressesOf, candidates, occupy, type Place } from './place.js';
import type { DrainOptions, Movable } from './types.js';

export interface Planned {
  unit: Movable;
  to?: string;
  ip?: string;
  /** Why no destination takes it. */
  reason?: string;
  remedy?: string;
  findings?: Finding[];
}

export type Check = (options: InspectOptions) => Promise<CheckReport>;

/** What a migration of it is asked for, but for the destination. */
export function moveOptions(unit: Movable, ip: string | undefined, options: DrainOptions) {
  const { to, ip: _, parallel, keepGoing, dryRun, syncBundles, onEvent, ...rest } = options;
  const bundle = syncBundles && unit.bundle ? [unit.bundle] : [];
  return {
    ...rest,
    target: unit.target,
    ...(ip ? { ip } : {}),
    sync: [...(rest.sync ?? []), ...bundle],
  };
}

/** Finds a destination for each: the largest first, because it has the fewest. */
export async function plan(
  units: Movable[],
  places: Place[],
  options: DrainOptions,
  check: Check,
  onPlanned: (planned: Planned) => void = () => {},
): Promise<Planned[]> {
  const addresses = addressesOf(units, options.ip ?? 'auto');
  const all: Planned[] = [];
  for (const unit of [...units].sort((a, b) => b.memory - a.memory || a.pid - b.pid)) {
    const { ip, problem } = addresses.get(unit.target) ?? {};
    const planned =
      (unit.problem ?? problem)
        ? { unit, reason: unit.problem ?? (problem as string) }
        : await planOne(unit, ip, places, options, check);
    all.push(planned);
    onPlanned(planned);
  }
  return all;
}

async function planOne(
  unit: Movable,
  ip: string | undefined,
  places: Place[],
  options: DrainOptions,
  check: Check,
): Promise<Planned> {
  const address = ip ? { ip } : {};
  const { fit, unfit } = candidates(unit, places, ip);
  const findings: Finding[] = [];
  const reasons = unfit.map(({ host, reason }) => `${host}: ${reason}`);
  let remedy: string | undefined;
  for (const place of fit) {
    if (options.signal?.aborted) throw new RoamError('INTERRUPTED', 'interrupted');
    try {
      const report = await check({ ...moveOptions(unit, ip, options), to: place.host });
      if (report.ok) {
        occupy(place, unit, ip, (options.parallel ?? 1) > 1);
        return { unit, to: place.host, ...address };
      }
      const errors = errorsOf(report.findings);
      findings.push(...errors.filter((found) => !findings.some((known) => same(known, found))));
    } catch (error) {
      const failure = failureOf(error);
      // What went wrong may be of this host: the check is named by where it was to go.
      reasons.push(`to ${place.host}: ${failure.message}`);
      remedy ??= failure.remedy;
    }
  }
  reasons.push(...bySeverity(findings).map(({ host, message }) => `${host}: ${message}`));
  remedy ??= findings.find((finding) => finding.remedy)?.remedy;
  return {
    unit,
    ...address,
    reason: reasons.join('; ') || 'no destination answers',
    ...(remedy ? { remedy } : {}),
    ...(findings.length > 0 ? { findings } : {}),
  };
}

const same = (a: Finding, b: Finding): boolean =>
  a.code === b.code && a.host === b.host && a.message === b.message;
