// The last look before the commit.
import { MigrationError } from '../errors.js';
import type { AgentClient } from './agent/client.js';
import type { Frozen } from './frozen.js';

/**
 * Asks the destination whether all that was dumped is there, whole, and still stopped.
 *
 * @throws MigrationError with everything that is wrong
 */
export async function verifyCopy(agent: AgentClient, frozen: Frozen, host: string): Promise<void> {
  const { contexts, notPinned, notStopped } = await agent.request('verify', { pids: frozen.pids });
  const expected = frozen.contexts;
  const complaints = [
    ...(contexts === expected ? [] : [`${contexts} RDMA contexts were restored, ${expected} were dumped`]),
    ...notPinned,
    ...notStopped.map((qpn) => `QP ${qpn} runs already`),
  ];
  if (complaints.length === 0) return;
  throw new MigrationError('verify', complaints.join('; '), {
    host,
    remedy: 'see the log of the restore: run again with --keep-images',
  });
}
