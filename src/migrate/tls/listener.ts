// The destination's end of TLS: authenticated connections, each passed on to an agent of its own.
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createServer, type TLSSocket } from 'node:tls';
import { commandFile } from '../../package-root.js';
import { readFirstLine } from '../first-line.js';
import type { Endpoint } from './address.js';
import { fingerprints, readIdentity, type TlsFiles, tlsOptions, unpinned } from './identity.js';
import { FIRST_LINE_MS, LONGEST_LINE, type TlsAnswer, type TlsOrder } from './protocol.js';
import { AGENT_ORIGIN } from './way-back.js';

/** Connections at once, those that have not said who they are among them. */
const MOST_CONNECTIONS = 256;

interface Session {
  /** Of the certificate that opened it. */
  fingerprint: string;
  /** Unix socket of its agent; resolves when that listens. */
  data: Promise<string>;
}

export interface ListenOptions extends TlsFiles {
  listen: Endpoint;
  /** Command of an agent that speaks on its standard streams, and tells the path of its socket for data by IPC. */
  agent?: string[];
  /** Called with a line for each refusal, and with what agents print. */
  log: (line: string) => void;
}

/** Serves whoever shows one of the pinned certificates. Agents end by themselves when their connection does. */
export class Listener {
  /** By a digest of the token, so that looking one up takes no longer when more of it is right. */
  readonly #sessions = new Map<string, Session>();
  readonly #connections = new Set<Socket>();
  #server?: ReturnType<typeof createServer>;
  #port = 0;

  private constructor(private readonly options: ListenOptions) {}

  /** @throws RoamError TLS_FILE; Error of listen(2) */
  static async start(options: ListenOptions): Promise<Listener> {
    const listener = new Listener(options);
    const identity = await readIdentity(options);
    const server = createServer(
      { ...tlsOptions(identity), requestCert: true, allowHalfOpen: true, handshakeTimeout: FIRST_LINE_MS },
      (socket) => void listener.#accept(socket),
    );
    server.maxConnections = MOST_CONNECTIONS;
    server.on('connection', (socket: Socket) => {
      listener.#connections.add(socket);
      socket.once('close', () => listener.#connections.delete(socket));
    });
    server.on('tlsClientError', (error, socket) =>
      options.log(`${socket.remoteAddress ?? 'someone'}: no handshake: ${error.message}`),
    );
    const { host, port } = options.listen;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(port, host, resolve);
    });
    listener.#server = server;
    listener.#port = (server.address() as { port: number }).port;
    return listener;
  }

  get port(): number {
    return this.#port;
  }

  /** Hangs up on everyone; the agents come to their own ends. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server?.close(() => resolve()));
    for (const socket of this.#connections) socket.destroy();
    await closed;
  }

  async #accept(socket: TLSSocket): Promise<void> {
    socket.on('error', () => {});
    const from = `${socket.remoteAddress}:${socket.remotePort}`;
    const say = (answer: TlsAnswer) => socket.write(`${JSON.stringify(answer)}\n`);
    const refuse = (why: string) => {
      this.options.log(`${from}: refused: ${why}`);
      say({ error: why });
      socket.end();
      // Whoever was refused may not keep the connection.
      setTimeout(() => socket.destroy(), 1000).unref();
    };
    try {
      const wrong = unpinned(socket, await this.#peers());
      if (wrong) return refuse(wrong);
      const timer = setTimeout(() => socket.destroy(), FIRST_LINE_MS);
      const line = await readFirstLine(socket, LONGEST_LINE).finally(() => clearTimeout(timer));
      const order = JSON.parse(line) as TlsOrder;
      const { fingerprint256 } = socket.getPeerCertificate();
      if (order.open === 'agent') return this.#startAgent(socket, fingerprint256, say);
      const session = this.#sessions.get(digest(order.session));
      if (session?.fingerprint !== fingerprint256) return refuse('there is no such session');
      if (order.open === 'alive') {
        say({});
        socket.pipe(socket);
        return;
      }
      if (order.open !== 'data') return refuse('it asks for what there is not');
      const path = await Promise.race([session.data, sleep(FIRST_LINE_MS, undefined, { ref: false })]);
      if (path === undefined) return refuse('its agent takes no data');
      this.#passOn(socket, path, say);
    } catch (error) {
      this.options.log(`${from}: nothing came of it: ${(error as Error).message}`);
      socket.destroy();
    }
  }

  /** Read anew for each connection: a file that is taken away counts at once, and for no other host. */
  async #peers(): Promise<Set<string>> {
    const read = await Promise.allSettled(this.options.peerCerts.map((path) => fingerprints([path])));
    return new Set(read.flatMap((one) => (one.status === 'fulfilled' ? [...one.value] : [])));
  }

  #startAgent(socket: TLSSocket, fingerprint: string, say: (answer: TlsAnswer) => void): void {
    const token = randomBytes(32).toString('hex');
    const { cert, key, peerCerts, agent = [process.execPath, commandFile, 'agent'], log } = this.options;
    const [file = '', ...args] = agent;
    const origin = { host: socket.remoteAddress, port: this.#port, tls: { cert, key, peerCerts } };
    const child: ChildProcess = spawn(file, args, {
      // What ends this process must not end an agent between two steps.
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, [AGENT_ORIGIN]: JSON.stringify(origin) },
    });
    child.on('error', (error) => log(`the agent cannot be started: ${error.message}`));
    const data = new Promise<string>((resolve) => {
      child.on('message', (message: { data?: string }) => {
        if (typeof message.data === 'string') resolve(message.data);
      });
    });
    this.#sessions.set(digest(token), { fingerprint, data });
    child.stderr?.on('data', (chunk: Buffer) => log(chunk.toString().trimEnd()));
    child.stdin?.on('error', () => {});
    child.once('close', () => {
      this.#sessions.delete(digest(token));
      socket.end();
    });
    say({ session: token });
    if (child.stdin) socket.pipe(child.stdin);
    child.stdout?.pipe(socket);
    socket.once('close', () => child.stdin?.end());
  }

  #passOn(socket: TLSSocket, path: string, say: (answer: TlsAnswer) => void): void {
    socket.setNoDelay(true);
    const agent = connect({ path, allowHalfOpen: true });
    agent.on('error', () => {});
    say({});
    pipeGathered(socket, agent);
    agent.pipe(socket);
    agent.once('close', () => socket.destroySoon());
    socket.once('close', () => agent.destroy());
  }
}

/** Bytes that wait for `to` before no more is taken. */
const MOST_GATHERED = 1024 * 1024;

/** Records of TLS come one by one, several in a turn of the event loop; they go on together. */
function pipeGathered(from: TLSSocket, to: Socket): void {
  let parts: Buffer[] = [];
  const flush = () => {
    // The end has taken them along: nothing may be written after it.
    if (parts.length === 0) return;
    const gathered = parts;
    parts = [];
    if (!to.destroyed && !to.write(Buffer.concat(gathered)) && to.writableLength > MOST_GATHERED) {
      from.pause();
      to.once('drain', () => from.resume());
    }
  };
  from.on('data', (chunk: Buffer) => {
    if (parts.push(chunk) === 1) setImmediate(flush);
  });
  from.once('end', () => {
    flush();
    to.end();
  });
}

const digest = (token: unknown): string => createHash('sha256').update(String(token)).digest('hex');
