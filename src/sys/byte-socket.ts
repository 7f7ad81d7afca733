import type { Socket } from 'node:net';
import { getSystemErrorName } from 'node:util';
import { SyscallError } from '../errors.js';
import { type NativeByteSocket, sys, syscall } from './addon.js';

/** Values of native/sys/byte_socket.cc. */
const READ = 0;

interface Waiter<T> {
  resolve(value: T): void;
  reject(error: Error): void;
}

/**
 * A connected stream socket for much data in large pieces. A piece is put together in the addon: where a processor is
 * slow, passing on 64 KiB at a time through the streams of Node.js costs several times what copying it does.
 *
 * One reader, and any number of writers, whose parts go in the order of their calls.
 */
export class ByteSocket {
  readonly #native: NativeByteSocket;
  /** What had been read of the socket before. */
  #rest: Buffer;
  #closed = false;
  #reading?: Waiter<number>;
  #writing?: { promise: Promise<void> } & Waiter<void>;

  private constructor(fd: number, rest: Buffer) {
    this.#native = syscall(
      () => new (sys().ByteSocket)(fd, (what, errno, count) => this.#report(what, errno, count)),
    );
    this.#rest = rest;
  }

  /**
   * Takes the connection of a socket over, which is destroyed; nobody may be reading it.
   *
   * @throws {SyscallError} `EBADF` when it is closed
   */
  static take(socket: Socket): ByteSocket {
    // A net.Socket has no public call that tells its descriptor. What of it the kernel still holds is not lost: the
    // addon has the descriptor duplicated before this one is closed.
    const { _handle: handle } = socket as unknown as { _handle?: { fd: number } | null };
    if (!handle || handle.fd < 0) throw systemError('dup', 9);
    const rest = (socket.read() as Buffer | null) ?? Buffer.alloc(0);
    const taken = new ByteSocket(handle.fd, rest);
    socket.destroy();
    return taken;
  }

  /**
   * Fills `bytes`; false: the stream has ended before the first of them.
   *
   * @throws {SyscallError} recv(2); `ECANCELED` after {@link close}; `ECONNRESET` also when it ends in the middle
   */
  async fill(bytes: Buffer): Promise<boolean> {
    const count = await this.some(bytes, bytes.length);
    if (count === 0 && bytes.length > 0) return false;
    if (count < bytes.length) throw systemError('recv', 104);
    return true;
  }

  /** Reads `least` bytes, or more if they are there; fewer only at the end. @throws {SyscallError} as {@link fill} */
  async some(bytes: Buffer, least = 1): Promise<number> {
    if (this.#closed) throw systemError('recv', 125);
    const begun = this.#rest.copy(bytes);
    this.#rest = this.#rest.subarray(begun);
    if (begun >= least) return begun;
    const into = begun > 0 ? bytes.subarray(begun) : bytes;
    const count = syscall(() => this.#native.read(into, least - begun));
    if (count >= 0) return begun + count;
    const came = await new Promise<number>((resolve, reject) => {
      this.#reading = { resolve, reject };
    });
    return begun + came;
  }

  /** Resolves when all of it has gone to the kernel, and may change. @throws {SyscallError} sendmsg(2); `ECANCELED` */
  async write(...parts: Uint8Array[]): Promise<void> {
    if (this.#closed) throw systemError('sendmsg', 125);
    if (syscall(() => this.#native.write(parts))) return;
    if (!this.#writing) {
      const waiter = {} as Waiter<void>;
      const promise = new Promise<void>((resolve, reject) => Object.assign(waiter, { resolve, reject }));
      this.#writing = Object.assign(waiter, { promise });
    }
    return this.#writing.promise;
  }

  /** Whoever waits is rejected with `ECANCELED`. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#native.close();
    this.#settle('recv', 125, 0, true);
    this.#settle('sendmsg', 125, 0, false);
  }

  #report(what: number, errno: number, count: number): void {
    const isRead = what === READ;
    this.#settle(isRead ? 'recv' : 'sendmsg', errno, count, isRead);
  }

  #settle(call: string, errno: number, count: number, isRead: boolean): void {
    const [reading, writing] = [this.#reading, this.#writing];
    if (isRead) {
      this.#reading = undefined;
      if (errno === 0) reading?.resolve(count);
      else reading?.reject(systemError(call, errno));
    } else {
      this.#writing = undefined;
      if (errno === 0) writing?.resolve();
      else writing?.reject(systemError(call, errno));
    }
  }
}

function systemError(syscall: string, errno: number): SyscallError {
  const code = getSystemErrorName(-errno);
  return new SyscallError(`${syscall}: ${code}`, { code, errno, syscall });
}
