import { once } from 'node:events';
import { createServer, type Server, type Socket, connect as tcpConnect } from 'node:net';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';

export interface ListenOptions {
  /** 0: any that is free. Default: 18515. */
  port?: number;
  /** Default: all addresses. */
  host?: string;
}

/** A TCP server for the exchange before a connection. */
export interface Listener extends AsyncDisposable {
  readonly port: number;
  /** Stops listening; connections that exist stay. */
  close(): Promise<void>;
}

/**
 * Listens for peers; `onPeer` gets the connection of each, to pass it to `qp.handshake()`.
 *
 * @param onError What `onPeer` threw; the connection is destroyed in any case. Default: a process warning.
 */
export async function listen(
  onPeer: (socket: Socket) => void | Promise<void>,
  { port = 18515, host }: ListenOptions = {},
  onError: (error: unknown) => void = (error) => {
    process.emitWarning(
      `a peer was turned away: ${error instanceof Error ? error.message : error}`,
      'RoamWarning',
    );
  },
): Promise<Listener> {
  const server: Server = createServer((socket) => {
    socket.setNoDelay(true);
    // Whatever a peer does must not end the server.
    socket.on('error', () => {});
    Promise.resolve()
      .then(() => onPeer(socket))
      .catch((error) => {
        socket.destroy();
        onError(error);
      });
  });
  server.listen(port, host);
  await once(server, 'listening');
  const close = async () => {
    // Its callback waits for the connections to end, which are none of its business.
    server.close();
    await turn();
  };
  return {
    port: (server.address() as { port: number }).port,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/**
 * Connects to a {@link listen}er, trying again while nobody listens there.
 *
 * @throws the system error of connect(2)
 */
export async function connect({
  host,
  port = 18515,
  patience = 10_000,
  signal,
}: {
  host: string;
  port?: number;
  /** Milliseconds. Default: 10 000. */
  patience?: number;
  signal?: AbortSignal;
}): Promise<Socket> {
  const deadline = performance.now() + patience;
  for (;;) {
    signal?.throwIfAborted();
    const socket = tcpConnect({ host, port, noDelay: true });
    try {
      await once(socket, 'connect', { signal });
      // A reset shows in what is read and written, or as the end.
      socket.on('error', () => {});
      return socket;
    } catch (error) {
      socket.destroy();
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ECONNREFUSED' || performance.now() > deadline) throw error;
      await sleep(100, undefined, { signal });
    }
  }
}
