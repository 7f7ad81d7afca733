import type { AgentClient } from './agent/client.js';
import type { HostFacts } from './agent/protocol.js';
import type { Custody } from './custody.js';
import type { DataLink } from './data-link.js';
import type { ManagedMove } from './managed/move.js';
import type { PageStream } from './pages.js';
import type { Phases } from './phases.js';
import type { SourceFacts } from './source.js';
import type { MigrateOptions, PreCopyRound } from './types.js';
import type { Tally } from './wire/tally.js';

/** All that is there when the freeze begins. */
export interface MoveContext {
  source: SourceFacts;
  destination: HostFacts;
  missingFiles: string[];
  agent: AgentClient;
  custody: Custody;
  options: MigrateOptions;
  phases: Phases;
  /** Name of this migration, unique on both hosts. */
  id: string;
  /** Directory of the images here. */
  dir: string;
  link: DataLink;
  /** Of what goes over `link`. */
  tally: Tally;
  pages: PageStream;
  /** Of a container of Docker or Podman. */
  managed?: ManagedMove;
  /** Rounds of pre-copy, if there were any. */
  rounds?: PreCopyRound[];
  carryLimit: number;
  /** Paths that rsync brings up to date in the freeze. */
  sync: string[];
}
