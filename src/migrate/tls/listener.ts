// The destination's end of TLS: authenticated connections, each passed on to an agent of its own.
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Connection, channelOver } from '../../criu/pages/index.js';
import { commandFile } from '../../package-root.js';
import type { Endpoint } from './address.js';
import { ConnectionStream, firstLineOf, pass, relay } from './connection.js';
import { fingerprints, type Identity, readIdentity, type TlsFiles, unpinned } from './identity.js';
import { FIRST_LINE_MS, LONGEST_LINE, type TlsAnswer, type TlsOrder } from './protocol.js';
import { secure } from './secure.js';
import { AGENT_ORIGIN } from './way-back.js';

/** Connections at once, those that have not said who they are among them. */
const MOST_CONNECTIONS = 256;

/** Whoever was refused may not keep the connection. */
const REFUSED_MS = 1000;

interface Session {
  /** Of the certificate that opened it. */
  fingerprint: string;
  /** Unix socket of its agent; resolves when that listens. */
  data: Promise<string>;
}

/** Someone whose certificate is pinned. */
interface Guest {
  channel: Connection;
  fingerprint: string;
  address: string | undefined;
}

export interface ListenOptions extends TlsFiles {
  listen: Endpoint;
  /** Command of an agent that speaks on its standard streams, and tells the path of its socket for data by IPC. */
  agent?: string[];
  /** Called with a line for each refusal, and with what agents print. */
  log: (line: string) => void;
  /** Whether OpenSSL is called by the addon. */
  native?: boolean;
  /** What a connection may take for its handshake and its first line. Default 15 s. */
  timeoutMs?: number;
}

/** Serves whoever shows one of the pinned certificates. Agents end by themselves when their connection does. */
export class Listener {
  /** By a digest of the token, so that looking one up takes no longer when more of it is right. */
  readonly #sessions = new Map<string, Session>();
  /** Aborting one hangs up on it. */
  readonly #connections = new Set<AbortController>();
  readonly #server: ReturnType<typeof createServer>;

  private constructor(
    private readonly options: ListenOptions,
    private readonly identity: Identity,
  ) {
    // Nobody reads before the handshake does.
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) =>
      this.#connected(socket),
    );
  }

  /** @throws RoamError TLS_FILE; Error of listen(2) */
  static async start(options: ListenOptions): Promise<Listener> {
    const listener = new Listener(options, await readIdentity(options));
    const { host, port } = options.listen;
    await new Promise<void>((resolve, reject) => {
      listener.#server.once('error', reject).listen(port, host, resolve);
    });
    return listener;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  /** Hangs up on everyone; the agents come to their own ends. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const connection of this.#connections) connection.abort();
    await closed;
  }

  #connected(socket: Socket): void {
    socket.on('error', () => {});
    if (this.#connections.size >= MOST_CONNECTIONS) {
      socket.destroy();
      return;
    }
    const { remoteAddress, remotePort } = socket;
    const from = `${remoteAddress ?? 'someone'}:${remotePort}`;
    const hangUp = new AbortController();
    this.#connections.add(hangUp);
    void this.#accept(socket, from, hangUp)
      .catch((error: Error) => this.options.log(`${from}: nothing came of it: ${error.message}`))
      .finally(() => {
        hangUp.abort();
        this.#connections.delete(hangUp);
      });
  }

  /** Resolves when the connection is over. */
  async #accept(socket: Socket, from: string, hangUp: AbortController): Promise<void> {
    const { log, native, timeoutMs = FIRST_LINE_MS } = this.options;
    const address = socket.remoteAddress;
    socket.setNoDelay(true);
    // One for the handshake and the first line.
    const late = new Error(`nothing came in ${timeoutMs / 1000} s`);
    const timer = setTimeout(() => hangUp.abort(late), timeoutMs);
    try {
      const options = { server: true, signal: hangUp.signal, ...(native === undefined ? {} : { native }) };
      const secured = await secure(socket, this.identity, options).catch((error: Error) => {
        const { reason } = hangUp.signal;
        log(`${from}: no handshake: ${reason === late ? late.message : error.message}`);
      });
      if (!secured) return;
      const { channel, fingerprint = '' } = secured;
      const why =
        unpinned(fingerprint, await this.#peers()) ??
        (await this.#serve({ channel, fingerprint, address }, () => clearTimeout(timer)));
      if (why === undefined) return;
      log(`${from}: refused: ${why}`);
      await say(channel, { error: why });
      await channel.end();
      await sleep(REFUSED_MS, undefined, { ref: false });
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Resolves when the connection is over.
   *
   * @param ordered called when the first line has come
   * @returns why it is refused, if it is
   */
  async #serve(guest: Guest, ordered: () => void): Promise<string | undefined> {
    const { channel, fingerprint } = guest;
    const order = JSON.parse(await firstLineOf(channel, LONGEST_LINE)) as TlsOrder;
    ordered();
    if (order.open === 'agent') {
      await this.#startAgent(guest);
      return undefined;
    }
    const session = this.#sessions.get(digest(order.session));
    if (session?.fingerprint !== fingerprint) return 'there is no such session';
    if (order.open === 'alive') {
      await say(channel, {});
      // However it ends: it has no content.
      await pass(channel, channel).catch(() => {});
      return undefined;
    }
    if (order.open !== 'data') return 'it asks for what there is not';
    const path = await Promise.race([session.data, sleep(FIRST_LINE_MS, undefined, { ref: false })]);
    const agent = path === undefined ? undefined : await dataOf(path);
    if (!agent) return 'its agent takes no data';
    await say(channel, {}).catch(() => {});
    await relay(channel, agent);
    return undefined;
  }

  /** Read anew for each connection: a file that is taken away counts at once, and for no other host. */
  async #peers(): Promise<Set<string>> {
    const read = await Promise.allSettled(this.options.peerCerts.map((path) => fingerprints([path])));
    return new Set(read.flatMap((one) => (one.status === 'fulfilled' ? [...one.value] : [])));
  }

  async #startAgent({ channel, fingerprint, address }: Guest): Promise<void> {
    const token = randomBytes(32).toString('hex');
    const { cert, key, peerCerts, agent = [process.execPath, commandFile, 'agent'], log } = this.options;
    const [file = '', ...args] = agent;
    const origin = { host: address, port: this.port, tls: { cert, key, peerCerts } };
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
    const stream = new ConnectionStream(channel, { allowHalfOpen: true });
    this.#sessions.set(digest(token), { fingerprint, data });
    child.stderr?.on('data', (chunk: Buffer) => log(chunk.toString().trimEnd()));
    child.stdin?.on('error', () => {});
    child.once('close', () => {
      this.#sessions.delete(digest(token));
      stream.end();
    });
    stream.write(lineOf({ session: token }));
    if (child.stdin) stream.pipe(child.stdin);
    child.stdout?.pipe(stream);
    await new Promise<void>((resolve) => stream.once('close', resolve));
    child.stdin?.end();
  }
}

/** A connection to an agent's socket for data; undefined: there is none. */
async function dataOf(path: string): Promise<Connection | undefined> {
  const socket = connect({ path, allowHalfOpen: true });
  return once(socket, 'connect').then(
    () => channelOver(socket),
    () => undefined,
  );
}

const lineOf = (answer: TlsAnswer): Buffer => Buffer.from(`${JSON.stringify(answer)}\n`);

const say = (channel: Connection, answer: TlsAnswer): Promise<void> => channel.write(lineOf(answer));

const digest = (token: unknown): string => createHash('sha256').update(String(token)).digest('hex');
