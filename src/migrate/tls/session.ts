// One migration's connections to a listener.
import type { Duplex } from 'node:stream';
import type { Connection } from '../../criu/pages/index.js';
import { RoamError } from '../../errors.js';
import type { Transport } from '../agent/transport.js';
import { type Endpoint, parseTls } from './address.js';
import { ConnectionStream } from './connection.js';
import { type DialOptions, dial } from './dial.js';
import { type Identity, readIdentity, type TlsFiles } from './identity.js';
import type { TlsOrder } from './protocol.js';

const BEAT_MS = 5000;
/** Bytes that may stay without an echo. Counted, not timed: this process may itself have been stopped. */
const UNANSWERED_BEATS = 3;

/**
 * Requests, data and a heartbeat. TCP alone notices in a quarter of an hour that a link is gone, with what is under
 * way; so when the heartbeat stops, all of them end.
 */
export class TlsSession implements Transport {
  readonly ended: Promise<RoamError>;
  readonly #data = new Set<Connection>();
  #unanswered = 0;
  #silent = false;

  private constructor(
    private readonly name: string,
    private readonly endpoint: Endpoint,
    private readonly identity: Identity,
    private readonly token: string,
    private readonly requests: ConnectionStream,
    beat: Connection,
    private readonly options: DialOptions,
  ) {
    const echoes = async () => {
      for (const echo = Buffer.alloc(UNANSWERED_BEATS + 1); (await beat.some(echo)) > 0; )
        this.#unanswered = 0;
    };
    // An end of it is silence, which is noticed.
    echoes().catch(() => {});
    const timer = setInterval(() => {
      if (this.#unanswered++ < UNANSWERED_BEATS) beat.write(Buffer.from('.')).catch(() => {});
      else {
        this.#silent = true;
        this.kill();
      }
    }, BEAT_MS);
    timer.unref();
    this.ended = new Promise((resolve) => {
      requests.once('close', () => {
        clearInterval(timer);
        beat.close();
        resolve(
          new RoamError(
            'AGENT_GONE',
            `the connection to ${name} was lost${this.#silent ? ': nothing came any more' : ''}`,
          ),
        );
      });
    });
  }

  /** @throws RoamError TLS_FILE, BAD_ADDRESS, TLS_FAILED, TLS_PEER_UNKNOWN, TLS_REFUSED */
  static async open(to: string, files: TlsFiles, options: DialOptions = {}): Promise<TlsSession> {
    const endpoint = parseTls(to);
    const identity = await readIdentity(files);
    const { channel, answer } = await dial(endpoint, identity, { open: 'agent' }, options);
    const token = answer.session ?? '';
    const beat = await dial(endpoint, identity, { open: 'alive', session: token }, options).catch((error) => {
      channel.close();
      throw error;
    });
    const requests = new ConnectionStream(channel, { allowHalfOpen: false });
    return new TlsSession(to, endpoint, identity, token, requests, beat.channel, options);
  }

  get input(): Duplex {
    return this.requests;
  }

  get output(): Duplex {
    return this.requests;
  }

  kill(): void {
    this.requests.destroy();
    for (const channel of this.#data) channel.close();
  }

  /** A connection to the agent's socket for data. @throws RoamError TLS_FAILED */
  async connectData(): Promise<Connection> {
    if (this.requests.destroyed) throw new RoamError('TLS_FAILED', `the connection to ${this.name} was lost`);
    const order: TlsOrder = { open: 'data', session: this.token };
    const { channel } = await dial(this.endpoint, this.identity, order, this.options);
    if (this.requests.destroyed) channel.close();
    for (const one of this.#data) if (one.closed) this.#data.delete(one);
    this.#data.add(channel);
    return channel;
  }
}
