// The CRIU of a container that Docker or Podman keeps. Nobody hands descriptors on to it as to one that we start
// ourselves: a script named criu, which its runtime finds first on its PATH, asks for us at a place named after the
// container. To every other container it is CRIU.
import { mkdir, readFile, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Criu, type CriuOptions, type RequestOptions } from '../../criu/index.js';
import { CriuClient } from '../../criu/relay.js';
import { packageRoot } from '../../package-root.js';
import { SeqPacket } from '../../sys/index.js';

/** The directory that holds nothing but that script, written in Perl. */
export const SCRIPT_DIRECTORY = join(packageRoot, 'scripts', 'managed');

/** Known to the script. */
const MEETING_PLACE = '/run/roam/criu';

/** Waits for the CRIU of one container's runtime. */
export class ManagedCriu implements AsyncDisposable {
  readonly #client: Promise<CriuClient>;
  #found?: { ask: Socket; pid: number };

  private constructor(
    private readonly id: string,
    private readonly criu: string,
    private readonly server: Server,
  ) {
    this.#client = new Promise((resolve, reject) => {
      server.on('connection', (ask) => this.#meet(ask).then((client) => client && resolve(client), reject));
      server.on('close', () => reject(new Error('its runtime did not come as far as CRIU')));
    });
    this.#client.catch(() => {});
  }

  /** @param id of the container @param criu the real one */
  static async await(id: string, criu: string): Promise<ManagedCriu> {
    await mkdir(MEETING_PLACE, { recursive: true, mode: 0o700 });
    const path = placeOf(id);
    await rm(path, { force: true });
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, resolve);
    });
    return new ManagedCriu(id, criu, server);
  }

  /**
   * Lets CRIU do what the runtime asks for, with `ours` over its options.
   *
   * @param inItsCgroup The runtime has put CRIU into the cgroup of the container, and leaves it to CRIU to put the
   *   processes there.
   * @throws CriuError when CRIU fails
   */
  async perform(
    ours: CriuOptions,
    { inItsCgroup = false, ...options }: RequestOptions & { inItsCgroup?: boolean } = {},
  ): Promise<void> {
    using client = await this.#client;
    const { ask, pid } = this.#found as { ask: Socket; pid: number };
    const path = inItsCgroup ? await cgroupOf(pid) : undefined;
    using rpc = SeqPacket.connect(`${placeOf(this.id)}.${pid}`);
    ask.write(`${this.criu}\n`);
    await client.perform(rpc, { ...ours, ...(path ? { cgRoot: [{ path }] } : {}) } as CriuOptions, options);
  }

  /** Tells the runtime that what it asks for is done, and does nothing. */
  async pretend(): Promise<void> {
    using client = await this.#client;
    await client.pretend();
    // Without a CRIU the script ends.
    this.#found?.ask.end('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.close();
    // Without an answer the script and the runtime end by themselves.
    this.#found?.ask.destroy();
    await this.#client.then(
      (client) => client.close(),
      () => {},
    );
    await rm(placeOf(this.id), { force: true });
  }

  /** A runtime starts one CRIU to ask for its version, and one for the work. */
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
 * Where the runtime has put its CRIU. The images have the cgroup of the source, which is named after another id; a
 * container that were restored there would have no limits, and could not be frozen for its next move.
 */
async function cgroupOf(pid: number): Promise<string | undefined> {
  return /^0::(.+)$/m.exec(await readFile(`/proc/${pid}/cgroup`, 'utf8'))?.[1];
}
