// Data by ssh: a unix socket of this host, which ssh(1) forwards to the agent's.
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ByteChannel, channelOver } from '../criu/pages/index.js';
import { RoamError } from '../errors.js';
import { SSH_OPTIONS, type Way } from './agent/transport.js';
import type { DataWay } from './data-link.js';
import { start } from './run.js';

const CONNECT_INTERVAL_MS = 20;

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

export class SshForward implements DataWay {
  private constructor(
    private readonly host: string,
    private readonly path: string,
    private readonly ssh: ReturnType<typeof start>,
    private readonly words: Promise<string>,
  ) {}

  /**
   * Resolves when the agent answers over it: the handshake of ssh must not fall into the freeze.
   *
   * @param dir directory of this host that only root may enter
   * @throws RoamError DATA_LINK_FAILED
   */
  static async open({ host, ssh }: Way, dir: string, remotePath: string): Promise<SshForward> {
    const [file = 'ssh', ...options] = ssh;
    const path = `${dir}/link.sock`;
    const forward = ['-L', `${path}:${remotePath}`, ...FORWARD_OPTIONS];
    const started = start(file, [...options, ...SSH_OPTIONS, ...forward, '--', host, LIVES_WITH_US]);
    started.child.stdout.resume();
    const way = new SshForward(host, path, started, text(started.child.stderr));
    let ended = false;
    void started.exited.then(() => {
      ended = true;
    });
    while (!(await way.#listens())) {
      if (ended) {
        await way.close();
        throw await way.failure();
      }
      await sleep(CONNECT_INTERVAL_MS);
    }
    return way;
  }

  async connect(): Promise<ByteChannel> {
    const socket = connect({ path: this.path, allowHalfOpen: true });
    await once(socket, 'connect').catch(async () => {
      throw await this.failure();
    });
    return channelOver(socket);
  }

  async close(): Promise<void> {
    this.ssh.child.kill('SIGTERM');
    await this.ssh.exited;
    await rm(this.path, { force: true });
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

  async failure(): Promise<RoamError> {
    this.ssh.child.kill('SIGTERM');
    const words = (await this.words).trim().split('\n').at(-1);
    return new RoamError('DATA_LINK_FAILED', `no way for data to ${this.host}: ${words || 'it hung up'}`, {
      remedy: `let sshd on ${this.host} forward unix sockets (AllowStreamLocalForwarding yes)`,
    });
  }
}
