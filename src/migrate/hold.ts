// Who tells the peers to wait while a QP is on neither host.
import { RoamError } from '../errors.js';
import { openRxe, type Reservation } from '../rxe/index.js';
import { rdmaLinks } from './address.js';
import { withContexts } from './rdma.js';

/** As long as the module lets a QP wait for its partner, unless net.rdma_rxe.max_hold_ms says otherwise. */
const DEFAULT_MAX_HOLD_MS = 60_000;
const LARGEST_MAX_HOLD_MS = 24 * 3600 * 1000;

/** `maxHoldMs` of the options. @throws RoamError BAD_HOLD_TIME, before anything is stopped */
export function holdTime(maxHoldMs = DEFAULT_MAX_HOLD_MS): number {
  if (maxHoldMs >= 0 && maxHoldMs <= LARGEST_MAX_HOLD_MS) return Math.round(maxHoldMs);
  throw new RoamError('BAD_HOLD_TIME', `peers cannot be told to wait for ${maxHoldMs} ms`, {
    remedy: 'give 0 (not at all) to 86400 seconds',
  });
}

const CONNECTED = new Set(['RTR', 'RTS', 'SQD']);

/** A QP and the GID that it has. */
export interface Place {
  qpn: number;
  sgid: string;
}

/**
 * What a host needs to answer for the connected QPs of stopped processes, and, with the places where they were
 * restored, to send on to there what still comes for them.
 */
export function reservationsOf(pids: number[], places: Place[] = []): Promise<Reservation[]> {
  const now = new Map(places.map(({ qpn, sgid }) => [qpn, sgid]));
  return withContexts(pids, (contexts) =>
    contexts.flatMap((context) =>
      context
        .listQps()
        .filter(({ type, state }) => type === 'RC' && CONNECTED.has(state))
        .map(({ qpn, destQpn, sgid, dgid, epoch, respPsn, msn, rnrTimer, peerAware }) => {
          const there = now.get(qpn);
          const forward = there && there !== sgid ? { forwardGid: there } : {};
          const told = { epoch, psn: respPsn, msn, rnrTimer, peerAware };
          return { qpn, peerQpn: destQpn, peerGid: dgid, ...told, ...forward };
        }),
    ),
  );
}

/**
 * This host answers for the QPs, on whichever of its rxe devices they are asked for, for `holdMs`; 0: no more.
 *
 * @throws VerbsError
 */
export async function reserveHere(reservations: Reservation[], holdMs: number): Promise<void> {
  if (reservations.length === 0) return;
  for (const { device } of await rdmaLinks()) {
    const rxe = openRxe(device);
    try {
      if (rxe.isRxe) rxe.reserve(reservations, holdMs);
    } finally {
      rxe.close();
    }
  }
}
