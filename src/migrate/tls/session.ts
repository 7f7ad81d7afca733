// One migration's connections to a listener.
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { RoamError } from '../../errors.js';
import type { Transport } from '../agent/transport.js';
import { type Endpoint, parseTls } from './address.js';
import { dial } from './dial.js';
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
  readonly #data = new Set<Duplex>();
  #unanswered = 0;
  #silent = false;

  private constructor(
    private readonly name: string,
    private readonly endpoint: Endpoint,
    private readonly identity: Identity,
    private readonly token: string,
    private readonly requests: TLSSocket,
    beat: TLSSocket,
    private readonly timeoutMs?: number,
  ) {
    beat.on('data', () => {
      this.#unanswered = 0;
    });
    const timer = setInterval(() => {
      if (this.#unanswered++ < UNANSWERED_BEATS) beat.write('.');
      else {
        this.#silent = true;
        this.kill();
      }
    }, BEAT_MS);
    timer.unref();
    this.ended = new Promise((resolve) => {
      requests.once('close', () => {
        clearInterval(timer);
        beat.destroy();
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
  static async open(to: string, files: TlsFiles, timeoutMs?: number): Promise<TlsSession> {
    const endpoint = parseTls(to);
    const identity = await readIdentity(files);
    const { socket, answer } = await dial(endpoint, identity, { open: 'agent' }, timeoutMs);
    const token = answer.session ?? '';
    const beat = await dial(endpoint, identity, { open: 'alive', session: token }, timeoutMs).catch(
      (error) => {
        socket.destroy();
        throw error;
      },
    );
    return new TlsSession(to, endpoint, identity, token, socket, beat.socket, timeoutMs);
  }

  get input(): Duplex {
    return this.requests;
  }

  get output(): Duplex {
    return this.requests;
  }

  kill(): void {
    this.requests.destroy();
    for (const socket of this.#data) socket.destroy();
  }

  /** A connection to the agent's socket for data. @throws RoamError TLS_FAILED */
  async connectData(): Promise<Duplex> {
    if (this.requests.destroyed) throw new RoamError('TLS_FAILED', `the connection to ${this.name} was lost`);
    const order: TlsOrder = { open: 'data', session: this.token };
    const { socket } = await dial(this.endpoint, this.identity, order, this.timeoutMs);
    this.#data.add(socket);
    socket.once('close', () => this.#data.delete(socket));
    return socket;
  }
}
