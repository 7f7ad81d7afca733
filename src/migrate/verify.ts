// The last look before the commit.
import { MigrationError } from '../errors.js';
import type { AgentClient } from './agent/client.js';
import type { Place } from './hold.js';
import type { Copy } from './restore.js';

/**
 * Asks the destination whether all that was dumped is there, whole, and still stopped. Where its QPs are.
 *
 * @throws MigrationError with everything that is wrong
 */
export async function verifyCopy(agent: AgentClient, copy: Copy, host: string): Promise<Place[]> {
  const { contexts, notPinned, notStopped, places } = await agent.request('verify', { pids: copy.pids });
  const expected = copy.contexts;
  const complaints = [
    ...(contexts === expected ? [] : [`${contexts} RDMA contexts were restored, ${expected} were dumped`]),
    ...notPinned,
    ...notStopped.map((qpn) => `QP ${qpn} runs already`),
  ];
  if (complaints.length === 0) return places;
  throw new MigrationError('verify', complaints.join('; '), {
    host,
    remedy: 'see the log of the restore: run again with --keep-images',
  });
}
