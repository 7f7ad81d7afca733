// The public vocabulary of a fleet: hosts as they answer, and a host that is emptied.
import type { LinkFact } from '../migrate/agent/links.js';
import type { Space } from '../migrate/agent/space.js';
import type { NodeFacts } from '../migrate/agent/survey.js';
import type { HostAddress } from '../migrate/floats.js';
import type { Movable } from '../migrate/movables.js';
import type { NumberKind, NumberRange, NumberRanges } from '../migrate/ranges.js';
import type { Finding, MigrateOptions, MigrationEvent, MigrationReport } from '../migrate/types.js';

export type { HostAddress, LinkFact, Movable, NodeFacts, NumberKind, NumberRange, NumberRanges, Space };

/** How hosts are reached; as for a migration. */
export type FleetOptions = Pick<MigrateOptions, 'ssh' | 'remoteRoam' | 'criu' | 'tls'>;

/** Why a host did not answer. */
export interface NodeFailure {
  code: string;
  message: string;
  remedy?: string;
}

/** A host of the fleet, or why it is not known. */
export type FleetNode = { host: string } & (
  | { ok: true; facts: NodeFacts }
  | { ok: false; error: NodeFailure }
);

export interface AssignOptions extends FleetOptions {
  /** How many hosts the fleet may have: each gets so large a part of the numbers. Default 16. */
  slots?: number;
  /** Also give new ranges to hosts that have some. */
  anew?: boolean;
  /** Only tell what would be given. */
  dryRun?: boolean;
}

export interface Assignment {
  host: string;
  ranges: NumberRanges;
  /** It had them already. */
  kept: boolean;
}

export interface AssignReport {
  ok: true;
  /** They were given, not only told. */
  applied: boolean;
  assignments: Assignment[];
  /** Numbers of other hosts' objects that lie in a range that was given. */
  warnings: string[];
}

export interface DrainOptions extends Omit<MigrateOptions, 'target' | 'to' | 'ip' | 'onEvent' | 'onSupport'> {
  /** Where things may go. */
  to: string[];
  /**
   * Addresses that move with the process that uses them, as `10.0.1.7/24`. Default `auto`: those that are not the
   * first of their network device. `none`: the address changes with the host.
   */
  ip?: 'auto' | 'none' | string[];
  /** Bring the bundles of containers along by rsync. */
  syncBundles?: boolean;
  /** Migrations at once. Default 1. */
  parallel?: number;
  /** Go on when something cannot move or a migration fails. */
  keepGoing?: boolean;
  /** Only look, and tell what would go where. */
  dryRun?: boolean;
  onEvent?: (event: DrainEvent) => void;
}

/**
 * `moved`; `would move` (dry run); `refused`: no destination takes it, nothing was stopped; `failed`: a migration of it
 * did; `not begun`: something before it was refused or failed, or the drain was interrupted.
 */
export type DrainResult = 'moved' | 'would move' | 'refused' | 'failed' | 'not begun';

/** What became of one process tree or container. */
export interface DrainedUnit extends Pick<Movable, 'target' | 'pid' | 'comm' | 'pids' | 'memory' | 'qpns'> {
  result: DrainResult;
  /** Where it is now; `lost`: its processes have ended on both hosts. */
  where: 'source' | 'destination' | 'lost';
  /** Where it went, would go, or was to go. */
  to?: string;
  /** The address that moves with it. */
  ip?: string;
  /** Why it did not move. */
  reason?: string;
  remedy?: string;
  /** Of each destination that does not take it. */
  findings?: Finding[];
  report?: MigrationReport;
}

export interface DrainReport {
  /** Nothing that could leave is left. */
  ok: boolean;
  /** The host that was to be emptied. */
  host: string;
  ms: number;
  units: DrainedUnit[];
  /** Destinations that did not answer. */
  unreachable: { host: string; error: NodeFailure }[];
}

export type DrainEvent =
  /** The destinations are asked what they have left. */
  | { type: 'asking'; hosts: string[] }
  /** What there is, before anything is looked at closely. */
  | { type: 'found'; units: Movable[] }
  /** A destination was found, or none was. */
  | { type: 'planned'; target: string; to?: string; ip?: string; reason?: string }
  | { type: 'begin'; target: string; comm: string; to: string; ip?: string }
  | { type: 'progress'; target: string; to: string; event: MigrationEvent }
  | { type: 'end'; unit: DrainedUnit };
