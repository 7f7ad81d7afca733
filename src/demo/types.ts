// The result of the demo, as it is written with --json.

import type { MigrationReport } from '../migrate/types.js';
import type { PeerView } from '../report/types.js';

export interface DemoReport {
  ok: boolean;
  nodes: { name: string; ip: string }[];
  workload: {
    command: string;
    iterations: number;
    server: { completed: number; exitCode: number };
    client: { completed: number; exitCode: number };
  };
  migration: MigrationReport & {
    /** Longest time without a completion as the peer saw it, milliseconds. */
    blackoutMs: number;
    /** How far apart the samples at its ends were: the error of `blackoutMs`. */
    resolutionMs: number;
    from: string;
    to: string;
  };
  peer: PeerView;
  versions: { kernel: string; criu: string; rdmaCore: string | null; module: string | null };
  /** Seconds from the command to the result, lab included. */
  seconds: number;
  outputs: { server: string; client: string };
}

export interface DemoOptions {
  iterations: number;
  /** Message size in bytes. */
  size: number;
  /** Leaves the lab running. */
  keep: boolean;
  signal?: AbortSignal;
  /** Takes one line of live progress. */
  say: (line: string) => void;
}
