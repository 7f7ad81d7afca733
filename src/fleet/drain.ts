// Everything that can leave a host, moved to others.
import { hostname } from 'node:os';
import { MigrationError, RoamError } from '../errors.js';
import { check, migrate, PreflightError } from '../migrate/index.js';
import { movables } from '../migrate/movables.js';
import { demandRoot } from '../migrate/privilege.js';
import { isHere } from './hosts.js';
import { failureOf, nodes } from './nodes.js';
import { placeOfNode } from './place.js';
import { moveOptions, type Planned, plan } from './plan.js';
import type { DrainEvent, DrainedUnit, DrainOptions, DrainReport, FleetNode } from './types.js';

/**
 * Moves every process tree and container of this host that holds verbs contexts to other hosts, each by a migration
 * of its own. Where each goes is found out before the first one moves.
 *
 * A migration that fails leaves its process running here, as always; then no other begins, unless `keepGoing`.
 *
 * @throws RoamError NOT_ROOT, NO_DESTINATION, INTERRUPTED while nothing has moved
 */
export async function drain(options: DrainOptions): Promise<DrainReport> {
  const started = performance.now();
  const tell = options.onEvent ?? (() => {});
  const hosts = [...new Set(options.to)].filter((host) => !isHere(host));
  if (hosts.length === 0)
    throw new RoamError('NO_DESTINATION', 'there is no other host to go to', {
      remedy: 'name one with --to',
    });
  demandRoot();
  tell({ type: 'asking', hosts });
  const [units, found] = await Promise.all([movables(), nodes(hosts, options)]);
  tell({ type: 'found', units });
  const { places, unreachable } = destinationsOf(found);
  if (places.length === 0 && units.length > 0)
    throw new RoamError(
      'NO_DESTINATION',
      `none of the destinations answers: ${unreachable.map(({ error }) => error.message).join('; ')}`,
      unreachable[0]?.error.remedy ? { remedy: unreachable[0].error.remedy } : {},
    );
  const planned = await plan(units, places, options, check, ({ unit, to, ip, reason }) =>
    tell({
      type: 'planned',
      target: unit.target,
      ...(to ? { to } : {}),
      ...(ip ? { ip } : {}),
      ...(reason ? { reason } : {}),
    }),
  );
  const results = options.dryRun ? planned.map(told) : await moveAll(planned, options, tell);
  return {
    ok: results.every(({ result }) => result === 'moved' || result === 'would move'),
    host: hostname(),
    ms: Math.round(performance.now() - started),
    units: results,
    unreachable,
  };
}

/** Hosts that answered and are not this one, by whatever name. */
function destinationsOf(found: FleetNode[]) {
  const here = hostname();
  return {
    places: found.flatMap((node) =>
      node.ok && node.facts.hostname !== here ? [placeOfNode(node.host, node.facts)] : [],
    ),
    unreachable: found.flatMap((node) => (node.ok ? [] : [{ host: node.host, error: node.error }])),
  };
}

/** Runs so many at once. What ends badly keeps those that have not begun from it. */
async function moveAll(
  planned: Planned[],
  options: DrainOptions,
  tell: (event: DrainEvent) => void,
): Promise<DrainedUnit[]> {
  const { keepGoing = false, parallel = 1, signal } = options;
  const results = new Map<Planned, DrainedUnit>();
  const end = (item: Planned, unit: DrainedUnit) => {
    results.set(item, unit);
    tell({ type: 'end', unit });
  };
  for (const item of planned) if (!item.to) end(item, told(item));
  let blocked = results.size > 0 && !keepGoing ? 'something else cannot move' : undefined;
  const queue = planned.filter(({ to }) => to);
  const freezeTurn = turns();
  const worker = async () => {
    for (let item = queue.shift(); item; item = queue.shift()) {
      const reason = signal?.aborted ? 'interrupted' : blocked;
      if (reason) {
        end(item, { ...told(item), result: 'not begun', reason });
        continue;
      }
      const unit = await moveOne(item, { ...options, freezeTurn }, tell);
      if (unit.result !== 'moved' && !keepGoing) blocked ??= `the migration of ${unit.target} failed`;
      end(item, unit);
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, parallel) }, worker));
  return planned.map((item) => results.get(item) as DrainedUnit);
}

/** One holds it at a time: two that are frozen at once are frozen longer, because they share processors and link. */
export function turns(): () => Promise<() => void> {
  let last = Promise.resolve();
  return async () => {
    const before = last;
    let end = () => {};
    last = new Promise((resolve) => {
      end = resolve;
    });
    await before;
    return end;
  };
}

function told({ unit, to, ip, reason, remedy, findings }: Planned): DrainedUnit {
  const { target, pid, comm, pids, memory, qpns } = unit;
  return {
    target,
    pid,
    comm,
    pids,
    memory,
    qpns,
    result: to ? 'would move' : 'refused',
    where: 'source',
    ...(to ? { to } : {}),
    ...(ip ? { ip } : {}),
    ...(reason ? { reason } : {}),
    ...(remedy ? { remedy } : {}),
    ...(findings ? { findings } : {}),
  };
}

async function moveOne(
  item: Planned,
  options: DrainOptions,
  tell: (event: DrainEvent) => void,
): Promise<DrainedUnit> {
  const { unit, ip, to = '' } = item;
  const { target, comm } = unit;
  tell({ type: 'begin', target, comm, to, ...(ip ? { ip } : {}) });
  try {
    const report = await migrate({
      ...moveOptions(unit, ip, options),
      to,
      onEvent: (event) => tell({ type: 'progress', target, to, event }),
    });
    return { ...told(item), result: 'moved', where: 'destination', report };
  } catch (error) {
    const { message, remedy, code } = failureOf(error);
    const committed = error instanceof MigrationError && (error.report?.committed ?? false);
    const phase = error instanceof MigrationError ? `${error.phase}: ` : '';
    return {
      ...told(item),
      result: error instanceof PreflightError ? 'refused' : 'failed',
      where: code === 'PROCESS_LOST' ? 'lost' : committed ? 'destination' : 'source',
      reason: `${phase}${message}`,
      ...(remedy ? { remedy } : {}),
      ...(error instanceof PreflightError ? { findings: error.findings } : {}),
    };
  }
}
