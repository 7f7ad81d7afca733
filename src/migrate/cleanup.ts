// What a migration that went well leaves behind on both hosts, removed.
import type { AgentClient } from './agent/client.js';
import type { Custody } from './custody.js';
import { removeNetworkLock } from './dump.js';
import { forget } from './oci/dump.js';
import type { Phases } from './phases.js';
import { removeDirectory } from './remove.js';
import type { SourceFacts } from './source.js';

export interface CleanupOrder {
  agent: AgentClient;
  custody: Custody;
  source: SourceFacts;
  phases: Phases;
  /** ssh destination, for messages. */
  to: string;
  /** Directory of the migration here. */
  dir: string;
  keepImages: boolean;
  /** CRIU has silenced connections in the dump. */
  locked: boolean;
}

/** What cannot be removed is told, and keeps nothing else. */
export async function cleanUp({
  agent,
  custody,
  source: { container, inside },
  phases,
  to,
  dir,
  keepImages,
  locked,
}: CleanupOrder): Promise<void> {
  const attempt = (what: string, work: Promise<unknown>) =>
    work.catch((error: Error) => phases.warn(`${what}: ${error.message}`));
  if (container) await attempt('removing the record of the container', forget(container));
  if (locked)
    await attempt('removing the network lock of the dump', removeNetworkLock(dir, { netns: inside?.path }));
  if (!keepImages) await attempt(`removing ${dir}`, removeDirectory(dir));
  const { warnings } = await custody.finish(agent).catch((error: Error) => ({ warnings: [error.message] }));
  for (const warning of warnings) phases.warn(`${to}: ${warning}`);
}
