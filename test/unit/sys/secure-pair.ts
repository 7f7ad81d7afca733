import { execFileSync } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tls from 'node:tls';
import { beforeAll, expect } from 'vitest';
import { ByteSocket } from '../../../src/sys/index.js';

export interface Pair {
  cert: string;
  key: string;
}

export let a: Pair;
export let b: Pair;
export const der = ({ cert, key }: Pair) => ({
  cert: new X509Certificate(cert).raw,
  key: createPrivateKey(key).export({ type: 'pkcs8', format: 'der' }),
});
export const rawOf = ({ cert }: Pair) => new X509Certificate(cert).raw;

/** One of an elliptic curve and one of RSA. */
export const useKeys = () =>
  beforeAll(async () => {
    const dir = await mkdtemp(join(tmpdir(), 'roam-secure-'));
    const make = async (name: string, kind: string) => {
      const [cert, key] = [join(dir, `${name}.crt`), join(dir, `${name}.key`)];
      const args = `req -x509 -newkey ${kind} -nodes -days 9 -subj /CN=${name} -keyout ${key} -out ${cert}`;
      execFileSync('openssl', args.split(' '), { stdio: 'ignore' });
      return { cert: await readFile(cert, 'utf8'), key: await readFile(key, 'utf8') };
    };
    a = await make('a', 'ec -pkeyopt ec_paramgen_curve:prime256v1');
    b = await make('b', 'rsa:2048');
    await rm(dir, { recursive: true });
  });

/** Connections to a server of its own; `through`: what stands between. */
export async function sockets(through?: (far: Socket, port: number) => void): Promise<[Socket, Socket]> {
  const listen = async (server: Server) => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  };
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  let port = await listen(server);
  let between: Server | undefined;
  if (through) {
    const to = port;
    between = createServer((socket) => through(socket, to));
    port = await listen(between);
  }
  const near = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const [[far]] = (await Promise.all([once(server, 'connection'), once(near, 'connect')])) as [
    [Socket],
    unknown,
  ];
  server.close();
  between?.close();
  return [near, far];
}

export async function pair(through?: (far: Socket, port: number) => void): Promise<[ByteSocket, ByteSocket]> {
  const [client, server] = (await sockets(through)).map((socket) => ByteSocket.take(socket));
  if (!client || !server) throw new Error('no connection');
  const shown = await Promise.all([
    client.secure({ server: false, ...der(a) }),
    server.secure({ server: true, ...der(b) }),
  ]);
  expect(shown).toEqual([rawOf(b), rawOf(a)]);
  return [client, server];
}

/** One end of ours, the other Node's. */
export async function mixed(ours: 'client' | 'server', options: tls.SecureContextOptions = a) {
  const [client, server] = await sockets();
  const isServer = ours === 'client';
  const theirs = isServer
    ? new tls.TLSSocket(server, { isServer, requestCert: true, rejectUnauthorized: false, ...options })
    : tls.connect({ socket: client, rejectUnauthorized: false, ...options });
  theirs.on('error', () => {});
  const socket = ByteSocket.take(isServer ? client : server);
  return { socket, theirs, shown: socket.secure({ server: !isServer, ...der(b) }) };
}
