// The source's end of TLS connections.
import { connect, type TLSSocket } from 'node:tls';
import { RoamError } from '../../errors.js';
import { readFirstLine } from '../first-line.js';
import { type Endpoint, tlsName } from './address.js';
import { type Identity, tlsOptions, unpinned } from './identity.js';
import { FIRST_LINE_MS, LONGEST_LINE, type TlsAnswer, type TlsOrder } from './protocol.js';

/** How long a connection that is given up may take to end. */
const LAST_WORDS_MS = 1000;

/**
 * A connection for `order`, both ends of which know each other, and the answer to it.
 *
 * @throws RoamError TLS_FAILED, TLS_PEER_UNKNOWN, TLS_REFUSED
 */
export async function dial(
  endpoint: Endpoint,
  identity: Identity,
  order: TlsOrder,
  timeoutMs = FIRST_LINE_MS,
): Promise<{ socket: TLSSocket; answer: TlsAnswer }> {
  const name = tlsName(endpoint);
  const socket = connect({ ...endpoint, ...tlsOptions(identity), checkServerIdentity: () => undefined });
  let problem: Error | undefined;
  socket.on('error', (error) => {
    problem ??= error;
  });
  // One for connection, handshake and answer: the process may be frozen meanwhile.
  const timer = setTimeout(() => {
    problem ??= new Error(`no answer in ${timeoutMs / 1000} s`);
    socket.destroy();
  }, timeoutMs);
  const failed = () =>
    new RoamError('TLS_FAILED', `no connection to ${name}: ${problem?.message ?? 'it hung up'}`, {
      remedy: 'see that `roam agent --listen` runs there, and that nothing is in between',
      ...(problem ? { cause: problem } : {}),
    });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve).once('close', () => reject(failed()));
    });
    const wrong = unpinned(socket, identity.peers);
    if (wrong)
      throw new RoamError('TLS_PEER_UNKNOWN', `${name} is not trusted: ${wrong}`, {
        remedy: 'give the certificate of that host with --peer-cert',
      });
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 10_000);
    socket.write(`${JSON.stringify(order)}\n`);
    const line = await readFirstLine(socket, LONGEST_LINE).catch(() => {
      throw failed();
    });
    const answer = JSON.parse(line) as TlsAnswer;
    if (answer.error === undefined) return { socket, answer };
    throw new RoamError('TLS_REFUSED', `${name} refused this host: ${answer.error}`, {
      remedy: `give roam agent there this host's certificate with --peer-cert (SHA-256 ${identity.fingerprint})`,
    });
  } catch (error) {
    // In order, so that the other side learns that the handshake is over and why nothing follows.
    socket.end();
    setTimeout(() => socket.destroy(), LAST_WORDS_MS).unref();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
