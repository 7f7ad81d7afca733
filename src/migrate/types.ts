// The public vocabulary of a migration: options, progress, findings.
import type { PostCopyReport, PreCopyOptions, PreCopyRound, WireReport } from './memory-types.js';
import type { PeerFacts, Reach } from './peer-types.js';
import type { MoveSubject, PhaseName } from './report-types.js';
import type { TlsFiles } from './tls/identity.js';
import type { CompressMode } from './wire/chooser.js';

export * from './report-types.js';
export type {
  CompressMode,
  PeerFacts,
  PostCopyReport,
  PreCopyOptions,
  PreCopyRound,
  Reach,
  TlsFiles,
  WireReport,
};

/** Progress of a migration, in the order in which it happens. */
export type MigrationEvent =
  | { type: 'start'; phase: PhaseName }
  | { type: 'end'; phase: PhaseName; ms: number; detail?: string }
  | { type: 'round'; phase: PhaseName; round: PreCopyRound }
  | { type: 'fail'; phase: PhaseName; ms: number; message: string }
  | { type: 'warning'; phase: PhaseName; message: string };

export interface InspectOptions {
  /** What to move: `pid:1234` (a process and all its descendants), `runc:NAME`, `crun:NAME`, `docker:NAME` or `podman:NAME` (a container). */
  target: string;
  /**
   * ssh destination: `host`, `user@host` or a Host of ssh_config. The user must be root there. Or `tls://HOST:PORT`,
   * where `roam agent --listen` runs.
   */
  to: string;
  /**
   * Address in CIDR form that moves with the process, e.g. `10.0.1.7/24`; `auto`: the one that it uses and that is
   * not the first of its network device, if there is one.
   */
  ip?: string;
  /**
   * Network device at the destination that takes `ip`. Default: the netdev of its rxe device; in a network namespace
   * the one that is called as at the source, or one that is in the network of `ip`.
   */
  ipDevice?: string;
  /** For `tls://`: this host's certificate and key, and the destination's certificate. */
  tls?: TlsFiles;
  /** The ssh command and its options. Default `['ssh']`. */
  ssh?: string[];
  /** How `roam` is started at the destination. Default `['roam']`. */
  remoteRoam?: string[];
  /** criu binary, both sides. Default `criu`. */
  criu?: string;
  /** Restore established TCP connections as closed instead of moving them. */
  tcpClose?: boolean;
  /** Largest file that is carried along because the destination lacks it, in bytes. Default 64 MiB. */
  carryLimit?: number;
  /** Files and directories that the destination gets by rsync, before the freeze and again inside it. */
  sync?: string[];
  /**
   * Send private memory that no device has registered only when the process runs at the destination. Until all of it
   * is there, a failure of either host or of the link between them ends the process (code `PROCESS_LOST`).
   */
  postCopy?: boolean;
  /** Of a container of Docker or Podman: bring its image along when the destination lacks it. */
  copyImage?: boolean;
  /** ssh destinations of hosts that may have peers: they are asked which module they run. */
  peers?: string[];
  /**
   * Whether memory and images are compressed by zstd on their way. Default `auto`: measured, stream by stream, and
   * compressed while that is faster.
   */
  compress?: CompressMode;
}

export interface MigrateOptions extends InspectOptions {
  /** Send memory in rounds while the process runs, before it is frozen. Default: all of it in the freeze. */
  preCopy?: PreCopyOptions;
  /** Most bytes per second that memory may take of the link, counted after compression. Default: no limit. */
  bandwidth?: number;
  /** How long to wait, after the process runs again, for every peer to acknowledge Resume. Default 30 s. */
  settleTimeoutMs?: number;
  /** How long programs that asked for it (`context.onBeforeDump()`) may prepare before the freeze. Default 10 s. */
  readyTimeoutMs?: number;
  /**
   * How long the peers are told to wait by the host on which the processes are not yet, or not any more.
   * Default 60 s; 0: not at all. How long a peer does wait is its own host's sysctl net.rdma_rxe.max_hold_ms.
   */
  maxHoldMs?: number;
  /** Keep dump images and logs on both hosts. */
  keepImages?: boolean;
  /** Aborting before the commit point rolls back; after it, it has no effect. */
  signal?: AbortSignal;
  /** Awaited before the freeze; what it gives is called when no process of this migration is frozen any more. */
  freezeTurn?: () => Promise<() => void>;
  onEvent?: (event: MigrationEvent) => void;
  /** Takes what is needed to find out why a migration went as it did, once, when it has ended either way. */
  onSupport?: (files: SupportFile[]) => void;
}

/** A part of a support bundle: options, facts, a log; never memory of the process. */
export interface SupportFile {
  /** `source/images/dump.log` */
  name: string;
  text: string;
}

/** What a migration would begin with. */
export interface CheckReport extends MoveSubject {
  /** No finding is an error. */
  ok: boolean;
  /** Errors first, then warnings. */
  findings: Finding[];
  /** Memory of all processes, in bytes: about what would be sent. */
  memory: number;
  /** Verbs contexts and QPNs. */
  contexts: number;
  qpns: number[];
  /** Established TCP connections that would move, or be closed. */
  connections: number;
  /** Files that the destination lacks and that would be carried along. */
  carried: string[];
  /** Who is at the other end of the connected QPs. */
  peers: PeerFacts[];
}

/** `error` keeps a migration from beginning, `warning` may trouble the process, `info` is what to know. */
export type Severity = 'error' | 'warning' | 'info';

/** What was found before anything was stopped. */
export interface Finding {
  severity: Severity;
  /** Stable and meant for programs, such as `QPN_IN_USE`. */
  code: string;
  /** Host name on which it was found. */
  host: string;
  message: string;
  remedy?: string;
}
