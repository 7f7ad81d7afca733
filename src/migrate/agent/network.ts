// The destination's part in moving an address and the TCP connections on it.
import { RoamError } from '../../errors.js';
import {
  addAddress,
  announce,
  arpAnnouncer,
  type Cidr,
  localAddresses,
  type MovedAddress,
  rdmaLinks,
  removeAddress,
} from '../address.js';
import { awaitGid } from '../gid.js';
import { deviceIn } from '../netns/device.js';
import { runIn } from '../netns/enter.js';
import { linksIn } from '../netns/facts.js';
import { addRoutes, removeRoutes } from '../netns/routes.js';
import { run } from '../run.js';
import { lockRuleset, type TcpEnds } from '../tcp.js';

const tableName = (id: string): string => id.replace(/[^\w]/g, '_');

/** Drops every packet of some connections until `release`, or until `abandon` after a failure. */
export class TcpLock {
  readonly #table: string;
  #connections: TcpEnds[];

  /**
   * `connections`: those that are locked already, by another process; `netns`: path of the network namespace that
   * they are in, if not in this one.
   */
  constructor(
    id: string,
    connections: TcpEnds[] = [],
    private readonly netns?: string,
  ) {
    this.#table = tableName(id);
    this.#connections = connections;
  }

  /** Replaces the connections that are locked, at once. */
  async set(connections: TcpEnds[]): Promise<void> {
    this.#connections = connections;
    const input = lockRuleset(this.#table, connections);
    await runIn(this.netns, ['nft', '-f', '-'], { input, remedy: 'install nftables' });
  }

  /** Present or not. */
  async release(): Promise<void> {
    const input = `table inet ${this.#table}\ndelete table inet ${this.#table}\n`;
    await runIn(this.netns, ['nft', '-f', '-'], { input });
  }

  /**
   * The sockets of killed tasks live on and would say goodbye to the peer of a connection that is still
   * open at the source: they are destroyed while the lock still swallows what they send.
   */
  async abandon(): Promise<void> {
    for (const { localAddress, localPort, remoteAddress, remotePort } of this.#connections) {
      const local = ['src', localAddress, 'sport', '=', `:${localPort}`];
      const remote = ['dst', remoteAddress, 'dport', '=', `:${remotePort}`];
      await runIn(this.netns, ['ss', '-K', '-t', '-a', ...local, ...remote]).catch(() => {});
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

/** An address of a network namespace, as it was at the source. */
export interface InsideAddress {
  /** Path of the namespace, on either host. */
  netns: string;
  dev: string;
  /** By the device, as `ip route` words them. */
  routes: string[];
}

/** The device that takes an address in a namespace. */
async function deviceInside(address: Cidr, { netns, dev }: InsideAddress, wanted?: string): Promise<string> {
  const links = await linksIn(netns);
  if (links.some(({ addresses }) => addresses.some((other) => other.startsWith(`${address.ip}/`))))
    throw new RoamError('ADDRESS_TAKEN', `${address.ip} is already in ${netns}`, {
      remedy: 'remove it there',
    });
  const found = deviceIn(links, address, { wanted, dev });
  if (found) return found.name;
  throw new RoamError('NO_DEVICE', `no network device for ${address.ip} in ${netns}`, {
    remedy: 'name the device with --ip-dev',
  });
}

async function deviceOutside(address: Cidr, wanted?: string): Promise<string> {
  const dev = await deviceFor(address, wanted);
  const present = localAddresses().some(({ ip }) => ip === address.ip);
  if (present) {
    throw new RoamError('ADDRESS_TAKEN', `${address.ip} is already on this host`, {
      remedy: 'remove it, or move without --ip',
    });
  }
  return dev;
}

/** @returns what went wrong, if something did */
async function tellNeighbours(address: Cidr, dev: string, netns?: string): Promise<string | undefined> {
  const announcer = await arpAnnouncer();
  if (!announcer) return undefined;
  return announce(address, dev, announcer, netns).then(
    () => undefined,
    (error: Error) => error.message,
  );
}

/** Takes the address and tells the neighbours. */
export async function takeAddress(address: Cidr, wanted?: string, inside?: InsideAddress) {
  const dev = await (inside ? deviceInside(address, inside, wanted) : deviceOutside(address, wanted));
  const netns = inside?.netns;
  let added: string[] = [];
  const where = { cidr: address, dev, ...(netns ? { netns } : {}) };
  return {
    /** `mark` keeps what has to be undone. The promise of the announcement is not to be awaited before the restore: it takes seconds. */
    run: async (mark: (what: MovedAddress) => Promise<void>) => {
      await mark(where);
      await addAddress(address, dev, netns);
      const { added: routes, problems } = await addRoutes(netns, dev, address, inside?.routes ?? []);
      added = routes;
      if (inside) await mark({ ...where, routes });
      for (const link of inside ? [] : await rdmaLinks()) {
        if (link.netdev === dev) await awaitGid(link.device, address.ip);
      }
      return { dev, announced: tellNeighbours(address, dev, netns), problems };
    },
    undo: async () => {
      await removeRoutes(netns, dev, address, added);
      await removeAddress(address, dev, netns);
    },
  };
}
