// Which files travel with a frozen process.
import { stat } from 'node:fs/promises';
import { RoamError } from '../errors.js';
import type { AgentClient } from './agent/client.js';
import type { HashedFile } from './agent/protocol.js';
import { HASH_LIMIT, inventory, sha256 } from './files.js';
import { openFds } from './proc.js';
import type { CarriedFile } from './types.js';

/**
 * Files open for writing are compared now that nobody writes them any more; those that are the same at the
 * destination already (a shared file system) stay.
 *
 * @throws RoamError FILE_TOO_LARGE
 */
export async function filesToCarry(
  pids: number[],
  missing: string[],
  agent: AgentClient,
  carryLimit: number,
  place?: (path: string) => string | undefined,
): Promise<CarriedFile[]> {
  const fds = (await Promise.all(pids.map(openFds))).flat();
  const { files } = await inventory(pids, fds, place);
  const written: HashedFile[] = [];
  for (const { path, size, writable } of files) {
    if (!writable) continue;
    written.push({ path, size, ...(size <= HASH_LIMIT ? { sha256: await sha256(path) } : {}) });
  }
  const same = new Set(written.length > 0 ? await agent.request('identical', { files: written }) : []);
  const carried: CarriedFile[] = written
    .filter(({ path }) => !same.has(path))
    .map(({ path, size }) => ({ path, bytes: size, reason: 'open for writing' }));
  for (const path of missing) {
    if (carried.some((file) => file.path === path)) continue;
    const found = await stat(path).catch(() => undefined);
    if (found) carried.push({ path, bytes: found.size, reason: 'missing at the destination' });
  }
  for (const { path, bytes } of carried) {
    if (bytes > carryLimit) {
      throw new RoamError(
        'FILE_TOO_LARGE',
        `${path} is open for writing and holds ${bytes} bytes, too many to carry`,
        {
          remedy: 'put it on a shared file system, or raise --carry-limit',
        },
      );
    }
  }
  return carried;
}
