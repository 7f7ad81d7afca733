import { RoamError, UnsupportedError, VerbsError } from '../errors.js';
import { loadAddon } from '../native.js';
import type { DeviceInfo } from './devices.js';
import type { NativeObjects } from './native-objects.js';

/** A QP as the addon reports it, see native/verbs/rxe.h. */
export interface NativeQp {
  qpn: number;
  destQpn: number;
  type: string;
  state: string;
  migrationFlags: string[];
  pid: number;
  reqPsn: number;
  compPsn: number;
  respPsn: number;
  msn: number;
  sgid: string;
  dgid: string;
  epoch: number;
  peerAware: boolean;
  rnrTimer: number;
  handle?: number;
}

export interface NativeQuery {
  abi: number;
  dumpVersion: number;
  contextState: string;
  moduleVersion: string;
  reservations: number;
  keyId?: string;
  counters: Record<
    | 'nakStoppedSent'
    | 'nakStoppedReceived'
    | 'resumeSent'
    | 'resumeReceived'
    | 'resumeAcked'
    | 'resumeRefused'
    | 'resumeForwarded'
    | 'unauthentic',
    number
  >;
}

export interface NativeUnsupported {
  type: string;
  id: number;
  handle: number;
  detail?: string;
}

/** native/include/roam_rxe.h: struct roam_rxe_reservation. */
export interface NativeReservation {
  qpn: number;
  peerQpn: number;
  epoch: number;
  psn: number;
  msn: number;
  rnrTimer: number;
  peerAware: boolean;
  peerGid: string;
  forwardGid?: string;
}

export interface NativeContext {
  fd: number;
  targetFd: number;
  references: number;
  device: string;
  isRxe: boolean;
}

/** Numbers of `ROAM_RXE_WATCH_*`, `ROAM_RXE_EVENT_*` and `ROAM_RXE_ANNOUNCE_*`, native/include/roam_rxe.h. */
export interface WatchNumbers {
  watchQps: number;
  watchMoves: number;
  eventQps: number;
  eventMoves: number;
  eventStays: number;
  eventMoved: number;
  announceNothing: number;
  announceMove: number;
  announceStay: number;
}

export interface VerbsAddon extends NativeObjects {
  listDevices(): DeviceInfo[];
  rxeAbi: number;
  rxeDevices(): string[];
  rxeOpen(device: string): number;
  rxeIsRxe(fd: number): boolean;
  rxeQuery(fd: number): NativeQuery;
  rxeListQps(fd: number, wholeDevice: boolean): NativeQp[];
  rxeCheck(fd: number): NativeUnsupported[];
  rxeMemory(fd: number): { start: bigint; length: bigint; writable: boolean }[];
  rxeStop(fd: number, qpn: number, wholeDevice: boolean): void;
  rxeResume(fd: number, qpn: number, wholeDevice: boolean): void;
  rxeGreet(fd: number, qpn: number, wholeDevice: boolean): void;
  /** `holdMs` 0 cancels. */
  rxeReserve(fd: number, reservations: NativeReservation[], holdMs: number): void;
  rxeWatchNumbers: WatchNumbers;
  rxeWatch(fd: number, flags: number): void;
  /** Whether the program was told and has not said that it is ready. */
  rxeAnnounce(fd: number, what: number): boolean;
  rxeTrack(fd: number): void;
  rxeReady(fd: number): void;
  processContexts(pid: number): { contexts: NativeContext[]; rdmaCmFd: number };
  qpStateName(state: number): string;
  qpTypeName(type: number): string;
  contextStateName(state: number): string;
  migrationFlags(bits: number): string[];
}

/** Loaded at first use: everything that needs no RDMA works without libibverbs. */
let loaded: VerbsAddon | undefined;
export function verbs(): VerbsAddon {
  loaded ??= loadAddon<VerbsAddon>('roam_verbs');
  return loaded;
}

const remedies: Record<string, string> = {
  EPERM: 'run it as root, or with CAP_CHECKPOINT_RESTORE',
  EACCES: 'run it as root, or with access to /dev/infiniband',
};

/** A system error of the addon as a {@link VerbsError}; `what` says which object it was about. Others stay. */
export function verbsFailure(
  what: string,
  error: unknown,
  hints: Record<string, string> = remedies,
): unknown {
  const { code, errno, syscall, message, posted } = error as NodeJS.ErrnoException & { posted?: number };
  if (code === 'CLOSED') return new RoamError('CLOSED', `${what}: ${message}`, { cause: error });
  if (code === undefined || errno === undefined || syscall === undefined) return error;
  const fields = { code, errno, syscall };
  const failure =
    code === 'EOPNOTSUPP' || code === 'ENOSYS'
      ? new UnsupportedError(
          `${what}: ${syscall}: not supported by this device`,
          { ...fields, code: 'EOPNOTSUPP' },
          { cause: error },
        )
      : new VerbsError(`${what}: ${message}`, fields, { cause: error, remedy: hints[code] });
  return posted === undefined ? failure : Object.assign(failure, { posted });
}

/** Calls the addon; its system errors become {@link VerbsError}. */
export function verbsCall<T>(what: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw verbsFailure(what, error);
  }
}
