// containerd's runc, with us between it and CRIU: a script named criu stands first on its PATH while one container is
// restored, and leads that container's CRIU here. To every other container it is CRIU.
import { mkdir, readFile, rm, stat, symlink } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Criu, type CriuOptions, type RequestOptions } from '../../criu/index.js';
import { CriuClient } from '../../criu/relay.js';
import { packageRoot } from '../../package-root.js';
import { SeqPacket } from '../../sys/index.js';

const SCRIPT = join(packageRoot, 'scripts', 'docker', 'criu');

/** Known to the script. */
const MEETING_PLACE = '/run/roam/docker';

/** What containerd puts before the PATH of what it starts; no one else looks there. */
const CONTAINERD_BIN = '/opt/containerd/bin';

/** Why the script cannot stand before CRIU here; undefined: it can. */
export async function shimProblem(): Promise<string | undefined> {
  const bin = await stat(CONTAINERD_BIN).catch(() => undefined);
  if (!bin?.isDirectory()) return `containerd has no ${CONTAINERD_BIN}`;
  const perl = await stat('/usr/bin/perl').catch(() => undefined);
  return perl ? undefined : '/usr/bin/perl is missing';
}

/** Waits for the CRIU of one container's runc. */
export class CriuShim implements AsyncDisposable {
  readonly #client: Promise<CriuClient>;
  #found?: { ask: Socket; pid: number };

  private constructor(
    private readonly id: string,
    private readonly criu: string,
    private readonly server: Server,
  ) {
    this.#client = new Promise((resolve, reject) => {
      server.on('connection', (ask) => this.#meet(ask).then((client) => client && resolve(client), reject));
      server.on('close', () => reject(new Error('runc did not come as far as CRIU')));
    });
    this.#client.catch(() => {});
  }

  /** `criu`: the real one. */
  static async install(id: string, criu: string): Promise<CriuShim> {
    await mkdir(MEETING_PLACE, { recursive: true, mode: 0o700 });
    const path = placeOf(id);
    await rm(path, { force: true });
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, resolve);
    });
    const shim = new CriuShim(id, criu, server);
    try {
      await rm(join(CONTAINERD_BIN, 'criu'), { force: true });
      await symlink(SCRIPT, join(CONTAINERD_BIN, 'criu'));
      return shim;
    } catch (error) {
      await shim[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * Lets CRIU do what runc asks for, with `ours` over its options.
   *
   * @throws CriuError when CRIU fails
   */
  async perform(ours: CriuOptions, options: RequestOptions = {}): Promise<void> {
    using client = await this.#client;
    const { ask, pid } = this.#found as { ask: Socket; pid: number };
    const path = await cgroupOf(pid);
    using rpc = SeqPacket.connect(`${placeOf(this.id)}.${pid}`);
    ask.write(`${this.criu}\n`);
    await client.perform(rpc, { ...ours, ...(path ? { cgRoot: [{ path }] } : {}) } as CriuOptions, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(join(CONTAINERD_BIN, 'criu'), { force: true });
    this.server.close();
    // Without an answer the script and runc end by themselves.
    this.#found?.ask.destroy();
    await this.#client.then(
      (client) => client.close(),
      () => {},
    );
    await rm(placeOf(this.id), { force: true });
  }

  /** runc starts one CRIU to ask for its version, and one for the work. */
  async #meet(ask: Socket): Promise<CriuClient | undefined> {
    ask.on('error', () => {});
    const own = { version: async () => (await Criu.swrk({ path: this.criu })).version() };
    for await (const line of createInterface({ input: ask })) {
      const [pid = 0, fd = 0] = line.split(' ').map(Number);
      const client = await CriuClient.take(pid, fd, own);
      if (!client) break;
      this.#found = { ask, pid };
      return client;
    }
    ask.end('\n');
    return undefined;
  }
}

const placeOf = (id: string): string => join(MEETING_PLACE, id);

/**
 * Where runc has put its CRIU: the cgroup of the container. The images have that of the source, which is named after
 * another id; a container that were restored there would have no limits, and could not be frozen for its next move.
 */
async function cgroupOf(pid: number): Promise<string | undefined> {
  return /^0::(.+)$/m.exec(await readFile(`/proc/${pid}/cgroup`, 'utf8'))?.[1];
}
