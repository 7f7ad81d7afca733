// The way that data takes to the destination: a connection for each stream, by a way that is made before the freeze.
import type { Duplex } from 'node:stream';
import type { RoamError } from '../errors.js';
import type { DataOrder } from './agent/data.js';
import { FramedStream } from './wire/framed.js';
import type { SenderOptions } from './wire/sender.js';

/** The agent starts a program for each connection. */
const READY_TIMEOUT_MS = 60_000;

const READY_LENGTH = 'ready\n'.length;

/** Connections to the agent's socket for data. */
export interface DataWay {
  /** @throws RoamError */
  connect(): Promise<Duplex>;
  /** Why one was not accepted. */
  failure(): Promise<RoamError>;
  close(): Promise<void>;
}

export class DataLink {
  constructor(
    private readonly way: DataWay,
    private readonly sending: SenderOptions,
  ) {}

  /**
   * A connection for `order`, which the agent has accepted.
   *
   * @throws RoamError DATA_LINK_FAILED, TLS_FAILED
   */
  async connect(order: DataOrder): Promise<Duplex> {
    const socket = await this.way.connect();
    // What was wrong with it shows where it is used: its end is an error there.
    socket.on('error', () => {});
    socket.write(`${JSON.stringify(order)}\n`);
    const timer = setTimeout(() => socket.destroy(), READY_TIMEOUT_MS);
    const ready = new Promise<boolean>((resolve) => {
      socket.once('readable', () => resolve(socket.read(READY_LENGTH) !== null));
      socket.once('close', () => resolve(false));
    });
    const accepted = await ready;
    clearTimeout(timer);
    const { pace, ...unpaced } = this.sending;
    // The limit is for memory; what else goes is little, and goes in the freeze.
    if (accepted) return new FramedStream(socket, order.kind === 'tar' ? unpaced : this.sending);
    socket.destroy();
    throw await this.way.failure();
  }

  async close(): Promise<void> {
    await this.way.close();
  }
}
