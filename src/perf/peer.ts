import type { Socket } from 'node:net';
import { RoamError } from '../errors.js';
import type { Endpoint } from '../verbs/connection.js';
import { gidBytes } from '../verbs/gid.js';

/** What perftest 25.01 announces. From 6.28 on, a newer one would expect more to be exchanged. */
const VERSION = '6.24';
const MIN_VERSION = 5.7;
const KEY_BYTES = 108;

/** What an end tells of one of its QPs: perftest's `pingpong_dest`. */
export interface Key extends Omit<Endpoint, 'mtu'> {
  outReads: number;
  rkey: number;
  /** Start of the area that the peer may access. */
  address: bigint;
}

const hex = (value: number | bigint, width: number) => value.toString(16).padStart(width, '0');

/** The fixed text form of a key, with the zero byte behind it. */
export function encodeKey({ lid, outReads, qpn, psn, rkey, address, gid }: Key): Buffer {
  const bytes = [...gidBytes(gid)].map((byte) => hex(byte, 2));
  const text = [
    hex(lid, 4),
    hex(outReads, 4),
    hex(qpn, 6),
    hex(psn, 6),
    hex(rkey, 8),
    hex(address, 16),
    ...bytes,
    hex(0, 8),
  ].join(':');
  return Buffer.from(`${text}:\0`, 'latin1');
}

/** @throws {RoamError} `PERF_PEER` for anything else */
export function decodeKey(message: Buffer): Key {
  const text = message.toString('latin1');
  const fields = text.split(':');
  if (fields.length !== 24 || !/^[0-9a-f:]+:\0$/i.test(text)) {
    throw new RoamError(
      'PERF_PEER',
      `the peer sent something else than its keys: ${JSON.stringify(text.slice(0, 60))}`,
      {
        remedy: 'run the same test with the same -q, -b, -a and -D on both ends',
      },
    );
  }
  const number = (index: number) => Number.parseInt(fields[index] as string, 16);
  const groups = Array.from({ length: 8 }, (_, index) => `${fields[6 + 2 * index]}${fields[7 + 2 * index]}`);
  return {
    lid: number(0),
    outReads: number(1),
    qpn: number(2),
    psn: number(3),
    rkey: number(4),
    address: BigInt(`0x${fields[5]}`),
    gid: groups.join(':'),
  };
}

/**
 * perftest's TCP exchange: client and server say one message of the same length each, the client first.
 * Its reads expect a message in one piece.
 */
export class Peer {
  readonly client: boolean;
  readonly #socket: Socket;
  #held: Buffer = Buffer.alloc(0);
  #ended = false;
  #wake: () => void = () => {};

  constructor(socket: Socket, client: boolean) {
    this.client = client;
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => {
      this.#held = Buffer.concat([this.#held, chunk]);
      this.#wake();
    });
    const end = () => {
      this.#ended = true;
      this.#wake();
    };
    socket.on('end', end).on('close', end).on('error', end);
  }

  async exchange(message: Buffer, signal?: AbortSignal): Promise<Buffer> {
    if (this.client) this.#socket.write(message);
    const answer = await this.#read(message.length, signal);
    if (!this.client) this.#socket.write(message);
    return answer;
  }

  /** @throws {RoamError} `PERF_PEER` for a perftest that is too old */
  async exchangeVersion(signal?: AbortSignal): Promise<void> {
    const message = Buffer.alloc(16);
    message.write(VERSION);
    const answer = (await this.exchange(message, signal)).toString('latin1').replace(/\0.*$/s, '');
    if (!(Number.parseFloat(answer) >= MIN_VERSION)) {
      throw new RoamError(
        'PERF_PEER',
        `the peer's version is ${JSON.stringify(answer)}, not perftest ${MIN_VERSION} or later`,
      );
    }
  }

  /** The greater of both ends' values. */
  async exchangeMax(value: number, signal?: AbortSignal): Promise<number> {
    const message = Buffer.alloc(4);
    message.writeInt32BE(value);
    return Math.max(value, (await this.exchange(message, signal)).readInt32BE());
  }

  /** The lesser of both ends' path MTUs, in bytes. */
  async exchangeMtu(bytes: number, signal?: AbortSignal): Promise<number> {
    const code = Math.log2(bytes / 128);
    const remote = Number.parseInt(
      (await this.exchange(Buffer.from(`${code}\0`), signal)).toString('latin1'),
      10,
    );
    return remote >= 1 && remote <= 5 ? Math.min(bytes, 128 << remote) : bytes;
  }

  async exchangeDoubles(values: readonly number[], signal?: AbortSignal): Promise<number[]> {
    const answers: number[] = [];
    for (const [index, value] of values.entries()) {
      const message = Buffer.alloc(8);
      // Size and iterations are integers, the rest IEEE doubles.
      if (index < 2) message.writeBigUInt64BE(BigInt(Math.round(value)));
      else message.writeDoubleBE(value);
      const answer = await this.exchange(message, signal);
      answers.push(index < 2 ? Number(answer.readBigUInt64BE()) : answer.readDoubleBE());
    }
    return answers;
  }

  async exchangeKey(key: Key, signal?: AbortSignal): Promise<Key> {
    const message = encodeKey(key);
    if (message.length !== KEY_BYTES) throw new RangeError(`a key of ${message.length} bytes`);
    return decodeKey(await this.exchange(message, signal));
  }

  /** Says that this end is done, and resolves when the peer is, or after `patience` milliseconds. */
  async ended(patience: number): Promise<void> {
    this.#socket.end();
    const deadline = performance.now() + patience;
    while (!this.#ended && performance.now() < deadline) await this.#change(50);
  }

  close(): void {
    this.#socket.end();
    this.#socket.destroySoon();
  }

  async #read(length: number, signal?: AbortSignal): Promise<Buffer> {
    while (this.#held.length < length) {
      signal?.throwIfAborted();
      if (this.#ended) {
        throw new RoamError('PERF_PEER', 'the peer closed the connection', {
          remedy: 'see what it printed; both ends must run the same test with the same options',
        });
      }
      await this.#change(1000);
    }
    const message = this.#held.subarray(0, length);
    this.#held = this.#held.subarray(length);
    return message;
  }

  #change(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
