import { RoamError, VerbsError } from '../errors.js';
import { OwnedFd } from '../sys/index.js';
import { verbs, verbsCall } from '../verbs/addon.js';
import { checkAbi, rxeCall } from './call.js';
import { qpInfo } from './qp.js';
import type { QpInfo, Reservation, RxeQuery } from './types.js';

/** An rxe device as a whole: every QP on it, of any process. Needs CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN. */
export class RxeControl implements Disposable {
  /** Name of the RDMA device, such as `rxe0`. */
  readonly device: string;
  readonly #owned: OwnedFd;

  /** @internal Use {@link openRxe}. */
  constructor(device: string, fd: number) {
    this.device = device;
    this.#owned = new OwnedFd(fd, `the control of ${device}`);
  }

  /** False for a device of another driver: every method throws `ROAM_UNSUPPORTED`. */
  get isRxe(): boolean {
    return verbs().rxeIsRxe(this.#owned.fd);
  }

  /** Module version and counters. @throws {RoamError} `ROAM_UNSUPPORTED` */
  query(): RxeQuery {
    const { fd } = this.#owned;
    const answer = rxeCall(this.device, fd, () => verbs().rxeQuery(fd));
    checkAbi(this.device, answer.abi);
    return answer;
  }

  /** Every QP of the device. @throws {RoamError} `ROAM_UNSUPPORTED` @throws {VerbsError} `EPERM` */
  listQps(): QpInfo[] {
    const { fd } = this.#owned;
    return rxeCall(this.device, fd, () => verbs().rxeListQps(fd, true)).map(qpInfo);
  }

  /** Stops one QP. @throws {VerbsError} `ENOENT` when there is no such QP. */
  stop(qpn: number): void {
    this.#onQp(qpn, (fd) => verbs().rxeStop(fd, qpn, true));
  }

  /** Lets a stopped QP go on, and tells its peer. @throws {VerbsError} `ENOENT` when there is no such QP. */
  resume(qpn: number): void {
    this.#onQp(qpn, (fd) => verbs().rxeResume(fd, qpn, true));
  }

  /** Asks the peer of one QP whether it understands the protocol: {@link listQps} soon tells. @throws {VerbsError} `ENOENT` */
  greet(qpn: number): void {
    this.#onQp(qpn, (fd) => verbs().rxeGreet(fd, qpn, true));
  }

  /**
   * Answers on behalf of QPs that are not here now, for `holdMs` milliseconds (up to a day); 0 cancels. All of
   * them, or none. A QP that is resumed on this device ends its reservation.
   *
   * @throws {VerbsError} `EPERM`; `ENOSPC`: more than 16384 of the device; `EINVAL`
   */
  reserve(reservations: Reservation[], holdMs: number): void {
    const { fd } = this.#owned;
    rxeCall(this.device, fd, () => verbs().rxeReserve(fd, reservations, holdMs));
  }

  #onQp(qpn: number, method: (fd: number) => void): void {
    // To the module, number 0 means every QP of the context, which here is this process's own empty one.
    if (!Number.isInteger(qpn) || qpn < 1 || qpn > 0xffffff) {
      throw new RangeError(`a QPN is a number from 1 to 16777215, not ${qpn}`);
    }
    const { fd } = this.#owned;
    try {
      rxeCall(this.device, fd, () => method(fd));
    } catch (error) {
      if (!(error instanceof VerbsError) || error.code !== 'ENOENT') throw error;
      const remedy = 'see `roam qps` for the QPs of this host';
      throw new VerbsError(`there is no QP ${qpn} on ${this.device}`, error, { cause: error, remedy });
    }
  }

  /** Idempotent. */
  close(): void {
    this.#owned.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Opens an rxe device; without a name, the host's first. Opening works on the stock module too: what
 * needs ours says so.
 *
 * @throws {RoamError} `NO_RDMA_DEVICE` @throws {VerbsError} `EACCES`, `EPERM`
 */
export function openRxe(device?: string): RxeControl {
  if (device !== undefined) return new RxeControl(device, openDevice(device));
  for (const name of verbsCall('the RDMA devices cannot be listed', () => verbs().rxeDevices())) {
    const fd = openDevice(name);
    const control = new RxeControl(name, fd);
    if (verbs().rxeIsRxe(fd)) return control;
    control.close();
  }
  throw noDevice('this host has no rxe device');
}

function openDevice(device: string): number {
  try {
    return verbsCall('an RDMA device cannot be opened', () => verbs().rxeOpen(device));
  } catch (error) {
    if (error instanceof VerbsError && error.code === 'ENODEV') {
      throw noDevice(`there is no RDMA device ${device} here`, error);
    }
    throw error;
  }
}

function noDevice(message: string, cause?: unknown): RoamError {
  return new RoamError('NO_RDMA_DEVICE', message, {
    cause,
    remedy: 'make one: rdma link add rxe0 type rxe netdev eth0 (rdma-link(8))',
  });
}
