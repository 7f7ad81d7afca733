import { once } from 'node:events';
import { createServer, type Socket, connect as tcpConnect } from 'node:net';
import { RoamError } from '../errors.js';

/** Accepts one connection, and listens no longer. */
export async function listenOnce(
  port: number,
  onListening: (port: number) => void,
  signal?: AbortSignal,
): Promise<Socket> {
  const server = createServer();
  try {
    server.listen(port);
    await once(server, 'listening', { signal }).catch((cause) => {
      signal?.throwIfAborted();
      throw new RoamError('PERF_PEER', `TCP port ${port} cannot be listened on: ${cause.message}`, { cause });
    });
    onListening(port);
    const [socket] = await once(server, 'connection', { signal }).catch((error) => {
      signal?.throwIfAborted();
      throw error;
    });
    return socket as Socket;
  } finally {
    server.close();
  }
}

export async function connect(host: string, port: number, signal?: AbortSignal): Promise<Socket> {
  const socket = tcpConnect({ host, port, noDelay: true });
  try {
    await once(socket, 'connect', { signal });
    return socket;
  } catch (cause) {
    socket.destroy();
    signal?.throwIfAborted();
    throw new RoamError('PERF_PEER', `no server at ${host}, TCP port ${port}: ${(cause as Error).message}`, {
      cause,
      remedy: 'start the server first, without a host: the same command on the other node',
    });
  }
}
