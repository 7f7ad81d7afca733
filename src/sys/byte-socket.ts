import type { Socket } from 'node:net';
import { getSystemErrorName } from 'node:util';
import { SyscallError } from '../errors.js';
import { type NativeByteSocket, sys, syscall } from './addon.js';

/** Values of native/sys/byte_socket.cc. */
const READ = 0;
const WRITTEN = 1;
const SECURED = 2;

/** What this end shows in a handshake of TLS. */
export interface Credentials {
  /** Whether it answers the other's. */
  server: boolean;
  /** DER. */
  cert: Uint8Array;
  /** PKCS #8, DER. */
  key: Uint8Array;
}

/**
 * Whether this Node's OpenSSL can be called from outside of it.
 *
 * @throws RoamError ADDON_NOT_BUILT, ADDON_NOT_LOADABLE
 */
export const canSecure = (): boolean => sys().canSecure();

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
  #securing?: Waiter<void>;

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
    return this.#left();
  }

  /**
   * Nothing more is written; the other end reads on to the end of what was. Resolves when all has gone to the kernel.
   *
   * @throws {SyscallError} as {@link write}
   */
  async end(): Promise<void> {
    if (this.#closed) throw systemError('shutdown', 125);
    if (syscall(() => this.#native.end())) return;
    return this.#left();
  }

  /**
   * Makes TLS 1.3 of the connection, by its OpenSSL, many records in a piece. Resolves to the certificate that the
   * other end has shown (DER), of which the handshake has proved nothing but that it has the key: whoever calls has to
   * compare it before anything is read or written. Then a `fill` that meets an end of the connection without the word
   * that nothing follows rejects with `ECONNRESET`.
   *
   * @throws Error when the handshake fails; {@link SyscallError} when the connection does
   */
  async secure({ server, cert, key }: Credentials): Promise<Buffer | undefined> {
    if (this.#closed) throw systemError('handshake', 125);
    // Nobody may have said anything that is not part of it.
    if (this.#rest.length > 0) throw new Error('something came before the handshake');
    try {
      if (!syscall(() => this.#native.secure(server, cert, key)))
        await new Promise<void>((resolve, reject) => {
          this.#securing = { resolve, reject };
        });
    } catch (cause) {
      const problem = this.#closed ? '' : this.#native.problem();
      throw problem ? new Error(problem, { cause }) : cause;
    }
    return this.#native.peerCertificate();
  }

  get closed(): boolean {
    return this.#closed;
  }

  #left(): Promise<void> {
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
    for (const what of [READ, WRITTEN, SECURED]) this.#report(what, 125, 0);
  }

  #report(what: number, errno: number, count: number): void {
    if (what === READ) {
      const reading = this.#reading;
      this.#reading = undefined;
      settle(reading, count, 'recv', errno);
    } else if (what === WRITTEN) {
      const writing = this.#writing;
      this.#writing = undefined;
      settle(writing, undefined, 'sendmsg', errno);
    } else {
      const securing = this.#securing;
      this.#securing = undefined;
      settle(securing, undefined, 'handshake', errno);
    }
  }
}

function settle<T>(waiter: Waiter<T> | undefined, value: T, call: string, errno: number): void {
  if (errno === 0) waiter?.resolve(value);
  else waiter?.reject(systemError(call, errno));
}

function systemError(syscall: string, errno: number): SyscallError {
  const code = getSystemErrorName(-errno);
  return new SyscallError(`${syscall}: ${code}`, { code, errno, syscall });
}
