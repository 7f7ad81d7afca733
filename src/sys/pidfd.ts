import { constants } from 'node:os';
import { sys, syscall } from './addon.js';
import { OwnedFd } from './owned-fd.js';
import { Readiness } from './readiness.js';

/**
 * A process, held by a descriptor (pidfd_open(2)): it cannot be confused with a later process that got
 * the same pid.
 */
export class PidFd implements Disposable {
  readonly pid: number;
  readonly #owned: OwnedFd;

  private constructor(pid: number, fd: number) {
    this.pid = pid;
    this.#owned = new OwnedFd(fd, `the pidfd of process ${pid}`);
  }

  /** @throws {SyscallError} pidfd_open(2): `ESRCH` when there is no such process. */
  static open(pid: number): PidFd {
    const fd = syscall(() => sys().pidfdOpen(pid));
    return new PidFd(pid, fd);
  }

  /** @throws {RoamError} `CLOSED` */
  get fd(): number {
    return this.#owned.fd;
  }

  /**
   * Duplicates descriptor `targetFd` of the process into this one; the caller closes it (closeFd).
   *
   * @throws {SyscallError} pidfd_getfd(2): `EPERM` without the right to ptrace the process, `EBADF`
   * when it has no such descriptor.
   */
  getFd(targetFd: number): number {
    return syscall(
      () => sys().pidfdGetfd(this.fd, targetFd),
      (code) => (code === 'EPERM' ? 'run it as root, or with CAP_SYS_PTRACE' : undefined),
    );
  }

  /** Sends a signal, by name or number; 0 only probes. @throws {SyscallError} pidfd_send_signal(2) */
  kill(signal: NodeJS.Signals | number): void {
    const number = typeof signal === 'number' ? signal : constants.signals[signal];
    syscall(() => sys().pidfdSendSignal(this.fd, number));
  }

  /** Resolves when the process has ended (it may still be a zombie). */
  async exited(options: { signal?: AbortSignal } = {}): Promise<void> {
    const readiness = new Readiness(this.fd);
    try {
      await readiness.readable(options.signal);
    } finally {
      readiness.close();
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
