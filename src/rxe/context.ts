import { OwnedFd } from '../sys/index.js';
import { type NativeContext, verbs, verbsCall } from '../verbs/addon.js';
import { checkAbi, rxeCall } from './call.js';
import { qpInfo } from './qp.js';
import type { QpInfo, RxeQuery, UnsupportedObject } from './types.js';

/**
 * A verbs context of another process, held by a duplicate of its descriptor. The context lives as long
 * as anyone holds it, so close this before the process is expected to let go of its QPs.
 */
export class RxeContext implements Disposable {
  /** Owner. */
  readonly pid: number;
  /** RDMA device, such as `rxe0`. */
  readonly device: string;
  /** Lowest descriptor number of the context in the process. */
  readonly targetFd: number;
  /** False for a device of another driver: every method throws `ROAM_UNSUPPORTED`. */
  readonly isRxe: boolean;
  readonly #owned: OwnedFd;

  /** @internal Use {@link processContexts}. */
  constructor(pid: number, native: NativeContext) {
    this.pid = pid;
    this.device = native.device;
    this.targetFd = native.targetFd;
    this.isRxe = native.isRxe;
    this.#owned = new OwnedFd(native.fd, `the context of process ${pid} on ${native.device}`);
  }

  /** State of the context, module version, counters of the device. @throws {RoamError} `ROAM_UNSUPPORTED` */
  query(): RxeQuery {
    const answer = this.#call((fd) => verbs().rxeQuery(fd));
    checkAbi(this.device, answer.abi);
    return answer;
  }

  /** The QPs of this context. */
  listQps(): QpInfo[] {
    return this.#call((fd) => verbs().rxeListQps(fd, false)).map(qpInfo);
  }

  /** The objects that a dump would refuse; none: the context can be moved. */
  check(): UnsupportedObject[] {
    return this.#call((fd) => verbs().rxeCheck(fd));
  }

  /**
   * The memory regions, as addresses of the process, in bytes; `writable` by the device.
   *
   * @throws {VerbsError} `EBUSY` while a QP of the context is not stopped
   */
  registeredMemory(): { start: bigint; length: bigint; writable: boolean }[] {
    return this.#call((fd) => verbs().rxeMemory(fd));
  }

  /** Makes the kernel's dirty tracking (soft-dirty, CRIU's pre-dump) true for the registered memory. */
  trackMemory(): void {
    this.#call((fd) => verbs().rxeTrack(fd));
  }

  /** Stops every QP of the context. */
  stop(): void {
    this.#call((fd) => verbs().rxeStop(fd, 0, false));
  }

  /** Lets every stopped QP of the context go on, and tells the peers. */
  resume(): void {
    this.#call((fd) => verbs().rxeResume(fd, 0, false));
  }

  /** Asks the peers that are not known to understand the protocol: {@link listQps} soon tells who has answered. */
  greetPeers(): void {
    this.#call((fd) => verbs().rxeGreet(fd, 0, false));
  }

  /**
   * Tells the program that it is about to be moved, or that it stays after all, if it has asked to be told
   * (`context.onBeforeDump()`, `onAfterRestore()`); `'nothing'` only asks.
   *
   * @returns whether it was told and is not ready yet
   */
  announce(what: 'nothing' | 'move' | 'stay'): boolean {
    const { announceNothing, announceMove, announceStay } = verbs().rxeWatchNumbers;
    const number = { nothing: announceNothing, move: announceMove, stay: announceStay }[what];
    return this.#call((fd) => verbs().rxeAnnounce(fd, number));
  }

  /** Idempotent. */
  close(): void {
    this.#owned.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #call<T>(method: (fd: number) => T): T {
    const { fd } = this.#owned;
    return rxeCall(`${this.device}, process ${this.pid}`, fd, () => method(fd));
  }
}

/**
 * Every verbs context of a process: one per open uverbs file, whatever number of descriptors it has.
 * The caller closes them all.
 *
 * @throws {VerbsError} `ESRCH`: no such process; `EPERM`: it may not be ptraced (pidfd_getfd(2)).
 */
export function processContexts(pid: number): RxeContext[] {
  const { contexts } = verbsCall(`the verbs contexts of process ${pid} cannot be taken`, () =>
    verbs().processContexts(pid),
  );
  return contexts.map((native) => new RxeContext(pid, native));
}
