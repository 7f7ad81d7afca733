// The way that data takes to the destination: connections through one ssh that is made before the freeze.
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { RoamError } from '../errors.js';
import { SSH_OPTIONS } from './agent/client.js';
import type { DataOrder } from './agent/data.js';
import { start } from './run.js';
import { FramedStream } from './wire/framed.js';
import type { SenderOptions } from './wire/sender.js';

const CONNECT_INTERVAL_MS = 20;

/** The agent starts a program for each connection. */
const READY_TIMEOUT_MS = 60_000;

/** One connection for each forwarded stream; an own master, whatever the user's configuration shares. */
const FORWARD_OPTIONS = [
  '-o',
  'ExitOnForwardFailure=yes',
  '-o',
  'StreamLocalBindMask=0177',
  '-o',
  'ControlMaster=no',
  '-o',
  'ControlPath=none',
];

/** The remote command ends with its input, hence ssh with this process, however that ends. */
const LIVES_WITH_US = 'exec cat >/dev/null';

/** Forwards a unix socket of this host to the agent's, by ssh(1) `-L`. */
export class DataLink {
  private constructor(
    private readonly host: string,
    private readonly path: string,
    private readonly ssh: ReturnType<typeof start>,
    private readonly words: Promise<string>,
    private readonly sending: SenderOptions,
  ) {}

  /**
   * Resolves when the agent answers over it: the handshake of ssh must not fall into the freeze.
   *
   * @param dir directory of this host that only root may enter
   * @throws RoamError DATA_LINK_FAILED
   */
  static async open(
    host: string,
    ssh: string[],
    dir: string,
    remotePath: string,
    sending: SenderOptions,
  ): Promise<DataLink> {
    const [file = 'ssh', ...options] = ssh;
    const path = `${dir}/link.sock`;
    const forward = ['-L', `${path}:${remotePath}`, ...FORWARD_OPTIONS];
    const started = start(file, [...options, ...SSH_OPTIONS, ...forward, '--', host, LIVES_WITH_US]);
    started.child.stdout.resume();
    const link = new DataLink(host, path, started, text(started.child.stderr), sending);
    let ended = false;
    void started.exited.then(() => {
      ended = true;
    });
    while (!(await link.#listens())) {
      if (ended) throw await link.#failure();
      await sleep(CONNECT_INTERVAL_MS);
    }
    return link;
  }

  /**
   * A connection for `order`, which the agent has accepted.
   *
   * @throws RoamError DATA_LINK_FAILED
   */
  async connect(order: DataOrder): Promise<Duplex> {
    const socket = connect({ path: this.path, allowHalfOpen: true });
    // What was wrong with it shows where it is used: its end is an error there.
    socket.on('error', () => {});
    socket.write(`${JSON.stringify(order)}\n`);
    const timer = setTimeout(() => socket.destroy(), READY_TIMEOUT_MS);
    const ready = new Promise<boolean>((resolve) => {
      socket.once('readable', () => resolve(socket.read(READY_LENGTH) !== null));
      socket.once('close', () => resolve(false));
    });
    const accepted = await ready;
    clearTimeout(timer);
    const { pace, ...unpaced } = this.sending;
    // The limit is for memory; what else goes is little, and goes in the freeze.
    if (accepted) return new FramedStream(socket, order.kind === 'tar' ? unpaced : this.sending);
    socket.destroy();
    throw await this.#failure();
  }

  async close(): Promise<void> {
    this.ssh.child.kill('SIGTERM');
    await this.ssh.exited;
  }

  async #listens(): Promise<boolean> {
    const socket = connect(this.path);
    const connected = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    return connected;
  }

  async #failure(): Promise<RoamError> {
    this.ssh.child.kill('SIGTERM');
    const words = (await this.words).trim().split('\n').at(-1);
    return new RoamError('DATA_LINK_FAILED', `no way for data to ${this.host}: ${words || 'it hung up'}`, {
      remedy: `let sshd on ${this.host} forward unix sockets (AllowStreamLocalForwarding yes)`,
    });
  }
}

const READY_LENGTH = 'ready\n'.length;
