// The destination's part in moving an address and the TCP connections on it.
import { RoamError } from '../../errors.js';
import {
  addAddress,
  announce,
  arpAnnouncer,
  type Cidr,
  localAddresses,
  rdmaLinks,
  removeAddress,
} from '../address.js';
import { awaitGid } from '../gid.js';
import { run } from '../run.js';
import { lockRuleset, type TcpEnds } from '../tcp.js';

const tableName = (id: string): string => id.replace(/[^\w]/g, '_');

/** Drops every packet of some connections until `release`, or until `abandon` after a failure. */
export class TcpLock {
  readonly #table: string;
  #connections: TcpEnds[];
  readonly #enter: string[];

  /**
   * `connections`: those that are locked already, by another process; `pid`: one in whose network namespace they
   * are, if not in this one.
   */
  constructor(id: string, connections: TcpEnds[] = [], pid?: number) {
    this.#table = tableName(id);
    this.#connections = connections;
    this.#enter = pid === undefined ? [] : ['nsenter', `--net=/proc/${pid}/ns/net`];
  }

  /** Replaces the connections that are locked, at once. */
  async set(connections: TcpEnds[]): Promise<void> {
    this.#connections = connections;
    const input = lockRuleset(this.#table, connections);
    await this.#run(['nft', '-f', '-'], { input, remedy: 'install nftables' });
  }

  /** Present or not. */
  async release(): Promise<void> {
    const input = `table inet ${this.#table}\ndelete table inet ${this.#table}\n`;
    await this.#run(['nft', '-f', '-'], { input });
  }

  async #run(words: string[], options: { input?: string; remedy?: string } = {}): Promise<void> {
    const [file = '', ...args] = [...this.#enter, ...words];
    await run(file, args, options);
  }

  /**
   * The sockets of killed tasks live on and would say goodbye to the peer of a connection that is still
   * open at the source: they are destroyed while the lock still swallows what they send.
   */
  async abandon(): Promise<void> {
    for (const { localAddress, localPort, remoteAddress, remotePort } of this.#connections) {
      const local = ['src', localAddress, 'sport', '=', `:${localPort}`];
      const remote = ['dst', remoteAddress, 'dport', '=', `:${remotePort}`];
      await this.#run(['ss', '-K', '-t', '-a', ...local, ...remote]).catch(() => {});
    }
    await this.release();
  }
}

/** The device that takes the address: the given one, or the rxe device's, or the one in the same subnet. */
async function deviceFor({ ip }: Cidr, wanted?: string): Promise<string> {
  if (wanted) return wanted;
  const [link] = await rdmaLinks();
  if (link) return link.netdev;
  const routes = JSON.parse(await run('ip', ['-j', 'route', 'get', ip])) as { dev?: string }[];
  const dev = routes[0]?.dev;
  if (!dev || dev === 'lo') {
    throw new RoamError('NO_DEVICE', `no network device for ${ip} on this host`, {
      remedy: 'name the device with --ip-dev',
    });
  }
  return dev;
}

/** Takes the address and tells the neighbours. */
export async function takeAddress(address: Cidr, wanted?: string) {
  const dev = await deviceFor(address, wanted);
  const present = localAddresses().some(({ ip }) => ip === address.ip);
  if (present) {
    throw new RoamError('ADDRESS_TAKEN', `${address.ip} is already on this host`, {
      remedy: 'remove it, or move without --ip',
    });
  }
  return {
    dev,
    /** The result's promise is not to be awaited before the restore: an announcement takes seconds. */
    run: async (): Promise<{ announced: Promise<string | undefined> }> => {
      await addAddress(address, dev);
      for (const link of await rdmaLinks()) {
        if (link.netdev === dev) await awaitGid(link.device, address.ip);
      }
      const announcer = await arpAnnouncer();
      if (!announcer) return { announced: Promise.resolve(undefined) };
      return {
        announced: announce(address, dev, announcer).then(
          () => undefined,
          (error: Error) => error.message,
        ),
      };
    },
    undo: () => removeAddress(address, dev),
  };
}
