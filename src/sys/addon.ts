import { SyscallError } from '../errors.js';
import { loadAddon } from '../native.js';

/** What a poll waits for; values of libuv's `uv_poll_event`. */
export const READABLE = 1;
export const WRITABLE = 2;

/** Event loop watcher of a descriptor that it does not own; see native/util/fd_poll.h. */
export interface FdPoll {
  start(events: number): void;
  stop(): void;
  close(): void;
  ref(): void;
  unref(): void;
}

/** A stream socket for much data; see native/sys/byte_socket.h. */
export interface NativeByteSocket {
  read(bytes: Uint8Array, least: number): number;
  write(parts: readonly Uint8Array[]): boolean;
  end(): boolean;
  secure(server: boolean, cert: Uint8Array, key: Uint8Array): boolean;
  peerCertificate(): Buffer | undefined;
  problem(): string;
  close(): void;
}

/** One message of a SOCK_SEQPACKET socket. */
export interface Packet {
  data: Uint8Array;
  /** Received descriptors, close-on-exec; whoever receives the message owns them. */
  fds: number[];
}

export interface Compressed {
  /** One frame of zstd. */
  bytes: Buffer;
  /** Processor time that it took, in milliseconds. */
  ms: number;
}

interface SysAddon {
  socketpair(): [number, number];
  connect(path: string): number;
  send(fd: number, data: Uint8Array, fds?: readonly number[]): boolean;
  receive(fd: number): Packet | null | false;
  pidfdOpen(pid: number): number;
  pidfdGetfd(pidfd: number, targetFd: number): number;
  pidfdSendSignal(pidfd: number, signal: number): void;
  closeFd(fd: number): void;
  digestPages(bytes: Uint8Array, out: Uint32Array, low: number, high: number): boolean;
  zstdVersion(): string | undefined;
  zstdCompress(bytes: Uint8Array, level: number): Promise<Compressed>;
  zstdDecompress(bytes: Uint8Array, length: number): Promise<Buffer>;
  canSecure(): boolean;
  ByteSocket: new (
    fd: number,
    callback: (what: number, errno: number, count: number) => void,
  ) => NativeByteSocket;
  FdPoll: new (fd: number, callback: (errno: number, events: number) => void) => FdPoll;
}

/** The addon is loaded at first use, so that importing this package needs no build. */
let loaded: SysAddon | undefined;
export function sys(): SysAddon {
  loaded ??= loadAddon<SysAddon>('roam_sys');
  return loaded;
}

/** Turns the system errors of `call` into {@link SyscallError}, and leaves every other error alone. */
export function syscall<T>(call: () => T, remedy?: (code: string) => string | undefined): T {
  try {
    return call();
  } catch (error) {
    const { code, errno, syscall: name, message } = error as NodeJS.ErrnoException;
    if (code === undefined || errno === undefined || name === undefined) throw error;
    throw new SyscallError(message, { code, errno, syscall: name }, { remedy: remedy?.(code) });
  }
}
