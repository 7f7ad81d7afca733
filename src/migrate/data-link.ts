// The way that data takes to the destination: a connection for each stream, by a way that is made before the freeze.
import type { Duplex } from 'node:stream';
import type { ByteChannel } from '../criu/pages/index.js';
import type { RoamError } from '../errors.js';
import type { DataOrder } from './agent/data.js';
import { AnsweredFrames } from './wire/frame-answers.js';
import { FramedStream } from './wire/framed.js';
import type { SenderOptions } from './wire/sender.js';

/** The agent starts a program for each connection. */
const READY_TIMEOUT_MS = 60_000;

const READY_LENGTH = 'ready\n'.length;

/** Connections to the agent's socket for data. */
export interface DataWay {
  /** @throws RoamError */
  connect(): Promise<ByteChannel>;
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
   * A stream for `order`, which the agent has accepted.
   *
   * @throws RoamError DATA_LINK_FAILED, TLS_FAILED
   */
  async connect(order: DataOrder): Promise<Duplex> {
    const { pace, ...unpaced } = this.sending;
    // The limit is for memory; what else goes is little, and goes in the freeze.
    return new FramedStream(await this.#open(order), order.kind === 'tar' ? unpaced : this.sending);
  }

  /** A page server at the destination. @throws RoamError DATA_LINK_FAILED, TLS_FAILED */
  async pageServer(order: Extract<DataOrder, { kind: 'pages' }>): Promise<ByteChannel> {
    return new AnsweredFrames(await this.#open(order), this.sending);
  }

  async #open(order: DataOrder): Promise<ByteChannel> {
    const channel = await this.way.connect();
    const timer = setTimeout(() => channel.close(), READY_TIMEOUT_MS);
    const ready = async () => {
      await channel.write(Buffer.from(`${JSON.stringify(order)}\n`));
      return channel.fill(Buffer.alloc(READY_LENGTH));
    };
    const accepted = await ready().catch(() => false);
    clearTimeout(timer);
    if (accepted) return channel;
    channel.close();
    throw await this.way.failure();
  }

  async close(): Promise<void> {
    await this.way.close();
  }
}
