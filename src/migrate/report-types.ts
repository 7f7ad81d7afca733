// The public vocabulary of what a migration came to.
import type { RestartedCall } from '../criu/index.js';
import type { PostCopyReport, PreCopyRound, WireReport } from './memory-types.js';

/** The steps of a migration, in the order in which they run. */
export const PHASES = [
  'preflight',
  'prepare',
  'sync',
  'pre-copy',
  'announce',
  'dump',
  'transfer',
  'address',
  'restore',
  'verify',
  'commit',
  'resume',
  'settle',
  'post-copy',
  'cleanup',
] as const;

export type PhaseName = (typeof PHASES)[number] | 'rollback';

export interface PhaseRecord {
  name: PhaseName;
  /** Where its work is done. */
  host: 'source' | 'destination';
  /** From the start of the migration, in milliseconds, rounded to 0.1. */
  startMs: number;
  /** Wall time in milliseconds, rounded to 0.1. */
  ms: number;
}

/** What moves, and between which hosts. */
export interface MoveSubject {
  target: string;
  pid: number;
  /** Every process that moves. */
  pids: number[];
  comm: string;
  source: string;
  destination: string;
  versions: { source: HostVersions; destination: HostVersions };
}

export interface CarriedFile {
  path: string;
  bytes: number;
  reason: 'open for writing' | 'missing at the destination';
}

export interface MovedObjects {
  qp: { qpn: number; destQpn?: number; type?: string; state?: string; device?: string }[];
  mr: { lkey: number; rkey: number; length?: number; device?: string }[];
  /** Completion queues. */
  cq: number;
  /** Verbs contexts. */
  contexts?: number;
}

export interface HostVersions {
  kernel: string;
  criu: string;
  roam: string;
  /** Version of the migratable rdma_rxe module; absent where none is loaded. */
  module?: string;
  rdmaCore?: string;
}

export interface MigrationReport extends MoveSubject {
  ok: true;
  /** ISO 8601, by the clock of the source. */
  startedAt: string;
  /** The address that moved, if one did. */
  address?: {
    ip: string;
    from: string;
    to: string;
    /** Path of the network namespace in which it moved, if it is not that of the host. */
    netns?: string;
  };
  phases: PhaseRecord[];
  /** When the freeze was requested, in milliseconds from the start of the migration. */
  frozenAtMs: number;
  /** From the request to freeze until the tasks run again at the destination, in milliseconds. */
  frozenMs: number;
  /** Bytes sent to the destination in the freeze: memory, images and carried files. */
  bytes: number;
  /** Rounds of pre-copy, in their order; absent where there was none. */
  rounds?: PreCopyRound[];
  /** Absent where all memory was sent before the process ran again. */
  postCopy?: PostCopyReport;
  /** How memory, images and carried files crossed the link. */
  wire: WireReport;
  carried: CarriedFile[];
  /** Sleeping system calls that the freeze ended and that were begun again at the destination. */
  restartedCalls: RestartedCall[];
  objects: MovedObjects;
  /** Directories of images and logs that were kept (`keepImages`); what recovers from the loss of a host removes them. */
  images?: { source: string; destination: string };
  warnings: string[];
}

/** A step of a rollback. */
export interface UndoneStep {
  what: string;
  /** Why it could not be undone; absent where it was. */
  failure?: string;
}

/** What is known of a migration that did not complete: as much as was found out until then. */
export interface FailedMigration extends Partial<Omit<MigrationReport, 'ok'>> {
  ok: false;
  target: string;
  /** It failed after the commit point: the process is at the destination, and nothing was undone. */
  committed: boolean;
  /** The host that the process was to leave, and that it was to go to. */
  source: string;
  destination: string;
  startedAt: string;
  /** In the order in which they ended; the one that failed is among them. */
  phases: PhaseRecord[];
  warnings: string[];
  /** What was undone, in that order. */
  undone: UndoneStep[];
}
