import { RoamError } from '../errors.js';
import { sys, syscall } from './addon.js';

interface Held {
  fd: number;
  what: string;
}

const dropped = new FinalizationRegistry<Held>(({ fd, what }) => {
  sys().closeFd(fd);
  process.emitWarning(`${what} (descriptor ${fd}) was garbage collected without close()`, 'RoamWarning');
});

/** A file descriptor with one owner. Dropping it without {@link close} is warned about, and leaks nothing. */
export class OwnedFd implements Disposable {
  /** What it is, for messages: `the pidfd of process 17`. */
  readonly what: string;
  #held: Held | undefined;

  constructor(fd: number, what: string) {
    this.what = what;
    this.#held = { fd, what };
    dropped.register(this, this.#held, this);
  }

  /** @throws {RoamError} `CLOSED` */
  get fd(): number {
    if (this.#held !== undefined) return this.#held.fd;
    throw new RoamError('CLOSED', `${this.what} is closed`);
  }

  get closed(): boolean {
    return this.#held === undefined;
  }

  /** Idempotent. @throws {SyscallError} close(2) */
  close(): void {
    if (this.#held === undefined) return;
    const { fd } = this.#held;
    this.#held = undefined;
    dropped.unregister(this);
    syscall(() => sys().closeFd(fd));
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
