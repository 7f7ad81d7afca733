// What answers for the process's addresses, in the freeze.
import type { FloatingAddress } from './floating.js';
import type { Frozen } from './frozen.js';
import { reservationsOf } from './hold.js';
import type { MoveContext } from './move-context.js';
import { isPrivate } from './netns/inside.js';
import { sameEnds } from './tcp.js';
import type { MigrationReport } from './types.js';

/** Moves the floating address, and a container's; TCP connections are silent at the destination before that. */
export async function changeAddress(
  { agent, source, options, destination, managed, custody }: MoveContext,
  { connections, pids }: Frozen,
  floating: FloatingAddress | undefined,
  maxHoldMs: number,
): Promise<MigrationReport['address']> {
  const netns = source.inside?.path;
  if (!options.tcpClose && !isPrivate(source.inside) && !sameEnds(connections, source.connections)) {
    await agent.request('lockTcp', { connections, ...(netns ? { netns } : {}) });
  }
  await managed?.leave(custody);
  if (floating?.isRdma) {
    // Packets come there with the address, the QPs only with the restore.
    const reservations = await reservationsOf(pids);
    await agent.request('reserve', { reservations, holdMs: maxHoldMs });
  }
  return floating?.move(source.hostname, destination.hostname, options.ipDevice);
}
