// A connection in pieces of known length, each read only when it is asked for: the sender waits meanwhile.
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { ByteSocket } from '../../sys/index.js';
import { ExactReader } from './reader.js';

export interface ByteChannel {
  /** Fills `bytes`; false: the stream has ended before the first of them. @throws Error when it ends in the middle */
  fill(bytes: Buffer): Promise<boolean>;
  /** In the order of the calls. Resolves when the parts may change. @throws Error when the connection is closed */
  write(...parts: Uint8Array[]): Promise<void>;
  /** Idempotent. */
  close(): void;
}

/** One that is also read as it comes, and ended. */
export interface Connection extends ByteChannel {
  /** Reads what is there, one byte at least; 0: the other end has nothing more to say. @throws Error as `fill` */
  some(bytes: Buffer): Promise<number>;
  /** Nothing more is written. Resolves when it has left. @throws Error when the connection is closed */
  end(): Promise<void>;
  readonly closed: boolean;
}

/** Takes a connection over: by its descriptor where it has one that carries just what is written. */
export function channelOver(stream: Duplex): Connection {
  const isPlain = stream instanceof Socket && !(stream instanceof TLSSocket);
  return isPlain ? ByteSocket.take(stream) : new StreamChannel(stream);
}

/** Over a stream of Node.js. */
export class StreamChannel implements Connection {
  readonly #reader: ExactReader;

  constructor(private readonly stream: Duplex) {
    this.#reader = new ExactReader(stream);
  }

  async fill(bytes: Buffer): Promise<boolean> {
    const read = await this.#reader.read(bytes.length);
    read?.copy(bytes);
    return read !== undefined;
  }

  async some(bytes: Buffer): Promise<number> {
    const read = await this.#reader.some(bytes.length);
    return read?.copy(bytes) ?? 0;
  }

  write(...parts: Uint8Array[]): Promise<void> {
    const { stream } = this;
    if (stream.destroyed || stream.writableEnded)
      return Promise.reject(new Error('the connection was closed'));
    return new Promise((resolve, reject) => {
      const done = (error?: Error | null) => (error ? reject(error) : resolve());
      stream.cork();
      parts.forEach((part, i) => {
        if (i < parts.length - 1) stream.write(part);
        else stream.write(part, done);
      });
      stream.uncork();
    });
  }

  end(): Promise<void> {
    const { stream } = this;
    if (stream.destroyed) return Promise.reject(new Error('the connection was closed'));
    return new Promise((resolve) => stream.end(() => resolve()));
  }

  get closed(): boolean {
    return this.stream.destroyed;
  }

  close(): void {
    this.stream.destroy();
  }
}
