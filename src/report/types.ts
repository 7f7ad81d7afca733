// What a report of a migration is made from.
import type { FailedMigration, Finding, MigrationReport } from '../migrate/types.js';

/** Messages that a peer had received in full by a time. */
export interface PeerSample {
  /** Milliseconds since the epoch, by the clock of the peer. */
  t: number;
  received: number;
}

/** A migration as one of its peers saw it. */
export interface PeerView {
  host: string;
  /** Size of a message in bytes, where it is known. */
  messageSize?: number;
  samples: PeerSample[];
  /** The longest time without a completion, milliseconds since the epoch by the clock of the peer. */
  blackout?: { from: number; to: number; ms: number; resolutionMs: number };
}

/** What `roam migrate --json` prints of a migration that failed. */
export interface FailedOutcome extends FailedMigration {
  error: {
    code: string;
    message: string;
    phase: string | null;
    host: string;
    remedy: string | null;
    findings?: Finding[];
  };
}

export type Outcome = MigrationReport | FailedOutcome;
