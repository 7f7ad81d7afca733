// The source's end of TLS connections.
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Connection } from '../../criu/pages/index.js';
import { RoamError, SyscallError } from '../../errors.js';
import { type Endpoint, tlsName } from './address.js';
import { firstLineOf } from './connection.js';
import { type Identity, unpinned } from './identity.js';
import { FIRST_LINE_MS, LONGEST_LINE, type TlsAnswer, type TlsOrder } from './protocol.js';
import { secure } from './secure.js';

/** How long a connection that is given up may take to end. */
const LAST_WORDS_MS = 1000;

export interface DialOptions {
  timeoutMs?: number | undefined;
  /** Whether OpenSSL is called by the addon. */
  native?: boolean | undefined;
}

/**
 * A connection for `order`, both ends of which know each other, and the answer to it.
 *
 * @throws RoamError TLS_FAILED, TLS_PEER_UNKNOWN, TLS_REFUSED
 */
export async function dial(
  endpoint: Endpoint,
  identity: Identity,
  order: TlsOrder,
  { timeoutMs = FIRST_LINE_MS, native }: DialOptions = {},
): Promise<{ channel: Connection; answer: TlsAnswer }> {
  const name = tlsName(endpoint);
  const given = new AbortController();
  // One for connection, handshake and answer: the process may be frozen meanwhile.
  const timer = setTimeout(() => given.abort(new Error(`no answer in ${timeoutMs / 1000} s`)), timeoutMs);
  const { signal } = given;
  let channel: Connection | undefined;
  try {
    const alive = { keepAlive: true, keepAliveInitialDelay: 10_000 };
    const socket = connect({ ...endpoint, allowHalfOpen: true, noDelay: true, ...alive });
    socket.on('error', () => {});
    await once(socket, 'connect', { signal }).catch((error) => {
      socket.destroy();
      throw error;
    });
    const options = { server: false, signal, ...(native === undefined ? {} : { native }) };
    const secured = await secure(socket, identity, options);
    ({ channel } = secured);
    const wrong = unpinned(secured.fingerprint, identity.peers);
    if (wrong)
      throw new RoamError('TLS_PEER_UNKNOWN', `${name} is not trusted: ${wrong}`, {
        remedy: 'give the certificate of that host with --peer-cert',
      });
    await channel.write(Buffer.from(`${JSON.stringify(order)}\n`));
    const answer = JSON.parse(await firstLineOf(channel, LONGEST_LINE)) as TlsAnswer;
    if (answer.error === undefined) return { channel, answer };
    throw new RoamError('TLS_REFUSED', `${name} refused this host: ${answer.error}`, {
      remedy: `give roam agent there this host's certificate with --peer-cert (SHA-256 ${identity.fingerprint})`,
    });
  } catch (error) {
    if (channel) leave(channel);
    if (error instanceof RoamError && !(error instanceof SyscallError)) throw error;
    const cause = signal.aborted ? (signal.reason as Error) : (error as Error);
    throw new RoamError('TLS_FAILED', `no connection to ${name}: ${cause.message}`, {
      remedy: 'see that `roam agent --listen` runs there, and that nothing is in between',
      cause,
    });
  } finally {
    clearTimeout(timer);
  }
}

/** In order, so that the other side learns that the handshake is over and why nothing follows. */
function leave(channel: Connection): void {
  channel.end().catch(() => {});
  setTimeout(() => channel.close(), LAST_WORDS_MS).unref();
}
