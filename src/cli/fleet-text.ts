// Hosts of a fleet for people.
import type {
  AssignReport,
  DrainedUnit,
  DrainReport,
  FleetNode,
  Movable,
  NodeFacts,
} from '../fleet/index.js';
import { isUnassigned, NUMBERS, type NumberRanges } from '../migrate/ranges.js';
import { byteCount, count, seconds, table } from '../report/format.js';

type Answer = FleetNode & { ok: true };

const answered = (nodes: FleetNode[]): Answer[] => nodes.filter((node): node is Answer => node.ok);

/** What is short of what a host needs to take part, or `ready`. */
export function fitness({ versions, links, criuPlugin, ranges }: NodeFacts): string {
  const lacks = [
    ...(links.length === 0 ? ['no rxe device'] : versions.module ? [] : ['stock rdma_rxe']),
    ...links.filter(({ active }) => !active).map(({ device }) => `${device} is down`),
    ...(criuPlugin ? [] : ['no CRIU plugin']),
  ];
  if (lacks.length > 0) return lacks.join(', ');
  return ranges && !isUnassigned(ranges) ? 'ready' : 'ready, no ranges';
}

const gibibytes = (bytes: number): string =>
  bytes >= 2 ** 30 ? `${(bytes / 2 ** 30).toFixed(1)} GiB` : byteCount(bytes);

/** QPs of processes, and how many more the host's range allows for. */
function qpsOf({ qpns, ranges }: NodeFacts): string {
  const used = qpns.filter(({ pid }) => pid > 0).length;
  if (!ranges) return String(used);
  const [first, last] = ranges.qpn;
  const own = qpns.filter(({ qpn }) => qpn >= first && qpn <= last).length;
  return `${used}, ${last - first + 1 - own} free`;
}

function hostTable(nodes: Answer[]): string {
  const same = (values: string[]) => new Set(values).size === 1;
  const versions = nodes.map(({ facts: { versions: v } }) => [v.kernel, v.module ?? '-', v.criu, v.roam]);
  return table(
    ['HOST', 'DEVICES', 'STATE', 'MEMORY FREE', 'LOAD', 'QPS', 'MOVABLE', 'KERNEL', 'MODULE', 'CRIU', 'ROAM'],
    nodes.map(({ host, facts }, i) => [
      same([host, facts.hostname]) ? host : `${host} (${facts.hostname})`,
      facts.links.map(({ device, netdev }) => `${device} on ${netdev}`).join(', ') || '-',
      fitness(facts),
      `${gibibytes(facts.memoryAvailable)} of ${gibibytes(facts.memoryTotal)}`,
      `${facts.load.toFixed(2)} of ${facts.cpus}`,
      qpsOf(facts),
      facts.movables.length,
      ...(versions[i] as string[]),
    ]),
  );
}

const RANGE_HEADS = ['QPNS', 'MR KEYS', 'MW KEYS', 'SRQS', 'AHS'];

const rangeCells = (ranges: NumberRanges | undefined): string[] =>
  NUMBERS.map((kind) => ranges?.[kind].join('-') ?? '-');

function rangeTable(nodes: Answer[]): string {
  return table(
    ['HOST', ...RANGE_HEADS],
    nodes.map(({ host, facts: { ranges } }) =>
      ranges && isUnassigned(ranges)
        ? [host, 'all', 'all', 'all', 'all', 'all']
        : [host, ...rangeCells(ranges)],
    ),
  );
}

const list = (words: (string | number)[], most = 3): string =>
  words.length === 0
    ? '-'
    : words.slice(0, most).join(' ') + (words.length > most ? ` and ${words.length - most} more` : '');

function movableRow(host: string, unit: Movable): (string | number)[] {
  return [
    host,
    unit.target,
    unit.comm,
    unit.pids.length,
    byteCount(unit.memory),
    list(unit.qpns),
    list(unit.peers),
    unit.problem ? `stays: ${unit.problem}` : list(unit.floating),
  ];
}

/** What `roam nodes` says. */
export function nodesText(nodes: FleetNode[]): string {
  const there = answered(nodes);
  const parts: string[] = [];
  if (there.length > 0) {
    parts.push(hostTable(there), rangeTable(there));
    const rows = there.flatMap(({ host, facts }) => facts.movables.map((unit) => movableRow(host, unit)));
    parts.push(
      rows.length === 0
        ? 'no process that uses RDMA'
        : table(['HOST', 'WHAT', 'PROGRAM', 'PROCESSES', 'MEMORY', 'QPNS', 'PEERS', 'MOVES WITH'], rows),
    );
  }
  const lost = nodes.flatMap((node) =>
    node.ok
      ? []
      : [`${node.host}: ${node.error.message}${node.error.remedy ? `\n  -> ${node.error.remedy}` : ''}`],
  );
  if (lost.length > 0) parts.push(lost.join('\n'));
  return parts.join('\n\n');
}

/** What `roam nodes --assign-ranges` says. */
export function assignText({ applied, assignments, warnings }: AssignReport): string {
  const done = applied ? 'new' : 'would be new';
  const rows = assignments.map(({ host, ranges, kept }) => [
    host,
    ...rangeCells(ranges),
    kept ? 'kept' : done,
  ]);
  return [table(['HOST', ...RANGE_HEADS, ''], rows), ...warnings.map((words) => `warning: ${words}`)].join(
    '\n',
  );
}

function outcome(unit: DrainedUnit): string {
  if (unit.result === 'moved') return `moved, frozen ${seconds(unit.report?.frozenMs ?? 0)}`;
  if (unit.result === 'failed' && unit.where === 'lost') return 'failed, and is lost';
  if (unit.result === 'failed' && unit.where === 'destination') return 'failed, and is at the destination';
  if (unit.result === 'failed') return 'failed, and runs here';
  return unit.result === 'would move' ? unit.result : `stays, ${unit.result}`;
}

/** What `roam drain` says at the end. */
export function drainText({ host, units, unreachable, ok, ms }: DrainReport, dryRun: boolean): string {
  const lines = unreachable.map(({ host: name, error }) => `${name} does not answer: ${error.message}`);
  if (units.length === 0) return [...lines, `nothing on ${host} uses RDMA`].join('\n');
  lines.push(
    table(
      ['WHAT', 'PROGRAM', 'MEMORY', 'QPS', 'TO', 'ADDRESS', 'RESULT'],
      units.map((unit) => [
        unit.target,
        unit.comm,
        byteCount(unit.memory),
        unit.qpns.length,
        unit.to ?? '-',
        unit.ip ?? (unit.to ? "the destination's" : '-'),
        outcome(unit),
      ]),
    ),
  );
  for (const unit of units)
    if (unit.reason)
      lines.push(`${unit.target}: ${unit.reason}${unit.remedy ? `\n  -> ${unit.remedy}` : ''}`);
  for (const { target, report } of units)
    for (const warning of report?.warnings ?? []) lines.push(`${target}: warning: ${warning}`);
  const moved = units.filter(({ result }) => result === 'moved').length;
  if (dryRun)
    lines.push(
      ok ? 'everything can move' : `${count(units.filter(({ to }) => !to).length, 'thing')} cannot move`,
    );
  else
    lines.push(
      ok
        ? `${host} is empty: ${count(moved, 'migration')} in ${seconds(ms)}`
        : `${host} is not empty: ${moved} of ${units.length} moved in ${seconds(ms)}`,
    );
  return lines.join('\n');
}
