// Images and files cross the network as one tar stream, over a connection that was made before the freeze.
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { RoamError } from '../errors.js';
import { remoteCommand, SSH_OPTIONS } from './agent/client.js';
import { start } from './run.js';

/** A `tar` at the destination that waits for its input. */
export class TarSink {
  private constructor(
    private readonly host: string,
    private readonly remote: ReturnType<typeof startTar>,
  ) {}

  /**
   * Resolves when tar runs over there: the handshake of ssh must not fall into the freeze.
   *
   * @throws RoamError TRANSFER_FAILED
   */
  static async open(host: string, ssh: string[], dir: string): Promise<TarSink> {
    const remote = startTar(host, ssh, dir);
    const sink = new TarSink(host, remote);
    const ready = new Promise<'ready'>((resolve) => remote.child.stdout.once('data', () => resolve('ready')));
    const first = await Promise.race([ready, remote.exited]);
    if (first !== 'ready') throw await sink.#failure(first.exitCode);
    return sink;
  }

  /**
   * Sends `dir`/images, and files of this host, which arrive under `files`.
   *
   * @returns bytes of the stream
   * @throws RoamError TRANSFER_FAILED
   */
  async send(dir: string, files: string[]): Promise<number> {
    // The leading "./" tells files from images in the renaming.
    const paths = files.map((path) => `.${path}`);
    const rename = ['--transform', 's,^\\./,files/,S', '--no-recursion'];
    const args = [
      '-c',
      '-f',
      '-',
      '-C',
      dir,
      'images',
      ...(paths.length > 0 ? [...rename, '-C', '/', ...paths] : []),
    ];
    const tar = start('tar', args);
    tar.child.stdin.end();
    const words = text(tar.child.stderr);
    let bytes = 0;
    const counter = new PassThrough();
    counter.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    const piped = pipeline(tar.child.stdout, counter, this.remote.child.stdin).catch(() => {});
    const [local, remote] = await Promise.all([tar.exited, this.remote.exited, piped]);
    if (local.exitCode !== 0) {
      throw new RoamError('TRANSFER_FAILED', `tar: ${(await words).trim().split('\n')[0]}`);
    }
    if (remote.exitCode !== 0) throw await this.#failure(remote.exitCode);
    return bytes;
  }

  async #failure(exitCode: number): Promise<RoamError> {
    // The first of tar's complaints is the reason; what ssh says comes last.
    const words = (await this.remote.words).trim().split('\n');
    const reason = words.find((line) => line.startsWith('tar: ')) ?? words.at(-1);
    return new RoamError('TRANSFER_FAILED', `at ${this.host}: ${reason || `exit code ${exitCode}`}`, {
      remedy: `see that ${this.host} has room and that ssh to it is stable`,
    });
  }

  /** Ends a sink that was not used. */
  async close(): Promise<void> {
    this.remote.child.stdin.destroy();
    this.remote.child.kill('SIGTERM');
    await this.remote.exited;
  }
}

function startTar(host: string, ssh: string[], dir: string) {
  const [file = 'ssh', ...options] = ssh;
  const script = 'echo ready && exec tar -x -p --same-owner -f - -C "$1"';
  const command = remoteCommand(['sh', '-c', script, 'sh', dir]);
  const started = start(file, [...options, ...SSH_OPTIONS, '--', host, command]);
  started.child.stdout.resume();
  return { ...started, words: text(started.child.stderr) };
}
