import { SyscallError } from '../errors.js';
import { type Packet, sys, syscall } from './addon.js';
import { Readiness } from './readiness.js';

interface Owned {
  fd: number;
  readiness: Readiness;
}

/** Sockets that were dropped without {@link SeqPacket.close}: a bug worth a warning, not worth a leak. */
const dropped = new FinalizationRegistry<Owned>(({ fd, readiness }) => {
  readiness.close();
  sys().closeFd(fd);
  process.emitWarning(`a SeqPacket on descriptor ${fd} was garbage collected without close()`, 'RoamWarning');
});

/**
 * One end of an AF_UNIX SOCK_SEQPACKET connection: reliable, ordered, with message boundaries, and able
 * to carry descriptors (unix(7)). Not for two readers at once.
 */
export class SeqPacket implements Disposable {
  #owned: Owned | undefined;

  private constructor(fd: number) {
    this.#owned = { fd, readiness: new Readiness(fd) };
    dropped.register(this, this.#owned, this);
  }

  /**
   * A connected pair: this process's end, and the bare descriptor of the other, which stays blocking
   * and is meant for a child; {@link closeFd} it once the child has it.
   *
   * @throws {SyscallError} socketpair(2)
   */
  static pair(): { socket: SeqPacket; peerFd: number } {
    const [fd, peerFd] = syscall(() => sys().socketpair());
    try {
      return { socket: new SeqPacket(fd), peerFd };
    } catch (error) {
      sys().closeFd(fd);
      sys().closeFd(peerFd);
      throw error;
    }
  }

  /**
   * Connects to the SOCK_SEQPACKET socket that listens at `path`.
   *
   * @throws {SyscallError} connect(2): `ENOENT`, `ECONNREFUSED`, `EAGAIN` when too many wait already.
   */
  static connect(path: string): SeqPacket {
    const fd = syscall(() => sys().connect(path));
    try {
      return new SeqPacket(fd);
    } catch (error) {
      sys().closeFd(fd);
      throw error;
    }
  }

  /** Takes over a connected SOCK_SEQPACKET descriptor. */
  static from(fd: number): SeqPacket {
    return new SeqPacket(fd);
  }

  /** The descriptor, for as long as the socket is open. */
  get fd(): number {
    return this.#use().fd;
  }

  get closed(): boolean {
    return this.#owned === undefined;
  }

  /**
   * Sends one message, waiting for room when the peer is slow.
   *
   * @throws {SyscallError} sendmsg(2): `EPIPE` when the peer is gone, `EMSGSIZE` when the message is
   * larger than the send buffer.
   */
  async send(
    data: Uint8Array,
    options: { fds?: readonly number[]; signal?: AbortSignal } = {},
  ): Promise<void> {
    for (;;) {
      const { fd, readiness } = this.#use();
      if (syscall(() => sys().send(fd, data, options.fds))) return;
      await readiness.writable(options.signal);
    }
  }

  /**
   * The next message, whole, whatever its size; `undefined` when the peer has closed.
   *
   * @throws {SyscallError} recvmsg(2): `ECONNRESET` when the peer closed with unread messages of ours.
   */
  async receive(options: { signal?: AbortSignal } = {}): Promise<Packet | undefined> {
    for (;;) {
      const { fd, readiness } = this.#use();
      const packet = syscall(() => sys().receive(fd));
      if (packet !== false) return packet ?? undefined;
      await readiness.readable(options.signal);
    }
  }

  /** Closes the descriptor; whoever waits is rejected with `ECANCELED`. Idempotent. */
  close(): void {
    const owned = this.#owned;
    if (owned === undefined) return;
    this.#owned = undefined;
    dropped.unregister(this);
    owned.readiness.close();
    sys().closeFd(owned.fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #use(): Owned {
    if (this.#owned !== undefined) return this.#owned;
    throw new SyscallError('the socket is closed', { code: 'EBADF', errno: 9, syscall: 'sendmsg' });
  }
}

/** Closes a bare descriptor that this process owns. @throws {SyscallError} close(2) */
export function closeFd(fd: number): void {
  syscall(() => sys().closeFd(fd));
}
