// TLS over a connection: by this Node's OpenSSL in large pieces, or by its streams where that cannot be called.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { connect, createSecureContext, TLSSocket } from 'node:tls';
import { type Connection, StreamChannel } from '../../criu/pages/index.js';
import { ByteSocket, canSecure } from '../../sys/index.js';
import type { Identity } from './identity.js';

export interface Secured {
  channel: Connection;
  /** SHA-256 of the certificate that the other end has shown; undefined: none. */
  fingerprint: string | undefined;
}

export interface SecureOptions {
  /** Whether this end was connected to. */
  server: boolean;
  /** Ends the connection, now or whenever. */
  signal: AbortSignal;
  /** Whether OpenSSL is called by the addon. */
  native?: boolean;
}

/**
 * The handshake over a socket that nobody has read. No authority is asked: it proves that the other end has the key of
 * the certificate that it shows. That it is the right one has to be seen by {@link unpinned} before the first byte is
 * used.
 *
 * @throws Error when there was no handshake
 */
export async function secure(
  socket: Socket,
  identity: Pick<Identity, 'cert' | 'key'>,
  { server, signal, native = canSecure() }: SecureOptions,
): Promise<Secured> {
  const abort = (channel: { close(): void }) => {
    signal.addEventListener('abort', () => channel.close(), { once: true });
    if (signal.aborted) channel.close();
  };
  if (!native) return byStreams(socket, identity, server, abort);
  const channel = ByteSocket.take(socket);
  abort(channel);
  try {
    const { raw: cert } = new X509Certificate(identity.cert);
    const key = createPrivateKey(identity.key).export({ type: 'pkcs8', format: 'der' });
    const shown = await channel.secure({ server, cert, key });
    return { channel, fingerprint: shown && new X509Certificate(shown).fingerprint256 };
  } catch (error) {
    channel.close();
    throw error;
  }
}

async function byStreams(
  socket: Socket,
  { cert, key }: Pick<Identity, 'cert' | 'key'>,
  server: boolean,
  abort: (channel: { close(): void }) => void,
): Promise<Secured> {
  const options = { cert, key, minVersion: 'TLSv1.3', rejectUnauthorized: false } as const;
  const tls = server
    ? new TLSSocket(socket, {
        ...{ isServer: true, requestCert: true, rejectUnauthorized: false },
        secureContext: createSecureContext(options),
      })
    : connect({ socket, ...options, checkServerIdentity: () => undefined });
  abort({ close: () => tls.destroy() });
  let problem: Error | undefined;
  tls.on('error', (error) => {
    problem ??= error;
  });
  // An end shows only to who reads, and a half-open connection does not close by it.
  const look = () => void tls.read(0);
  const hungUp = () => tls.destroy();
  tls.on('readable', look).once('end', hungUp);
  await new Promise<void>((resolve, reject) => {
    tls
      .once(server ? 'secure' : 'secureConnect', resolve)
      .once('close', () => reject(problem ?? new Error('it hung up')));
  });
  tls.off('readable', look).off('end', hungUp);
  return { channel: new StreamChannel(tls), fingerprint: tls.getPeerCertificate().fingerprint256 };
}
