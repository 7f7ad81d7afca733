// RoCE devices as a connection needs them.
import { readFile } from 'node:fs/promises';
import { rdmaLinks } from '../address.js';
import { tryRun } from '../run.js';

export interface LinkFact {
  device: string;
  netdev: string;
  /** Largest path MTU in bytes; 0 where the network device's is too small. */
  mtu: number;
  active: boolean;
  /** It has GIDs of RoCE v2. */
  roceV2: boolean;
}

const PATH_MTUS = [4096, 2048, 1024, 512, 256];
/** Headers of a RoCE v2 packet that rxe reserves. */
const HEADERS = 80;

/** What rxe makes of the MTU of its network device. */
export const pathMtu = (mtu: number): number => PATH_MTUS.find((size) => size <= mtu - HEADERS) ?? 0;

/** Places of the GID table that are looked at: the first addresses of a device are in the first ones. */
const SEARCHED = 8;

export async function linkFacts(): Promise<LinkFact[]> {
  const read = (path: string) => readFile(path, 'utf8').catch(() => '');
  return Promise.all(
    (await rdmaLinks()).map(async ({ device, netdev }) => {
      const port = `/sys/class/infiniband/${device}/ports/1`;
      const [mtu, state, ...types] = await Promise.all([
        read(`/sys/class/net/${netdev}/mtu`),
        read(`${port}/state`),
        ...Array.from({ length: SEARCHED }, (_, i) => read(`${port}/gid_attrs/types/${i}`)),
      ]);
      return {
        device,
        netdev,
        mtu: pathMtu(Number(mtu)),
        active: /ACTIVE/.test(state),
        roceV2: types.some((type) => type.trim() === 'RoCE v2'),
      };
    }),
  );
}

/** The network device by which this host reaches each address; null: it has no route. Nothing is sent. */
export function routes(addresses: string[]): Promise<(string | null)[]> {
  return Promise.all(
    addresses.map(async (ip) => {
      const { exitCode, stdout } = await tryRun('ip', ['-j', 'route', 'get', ip]);
      if (exitCode !== 0) return null;
      const [route] = JSON.parse(stdout) as { dev?: string; type?: string }[];
      return route?.dev && route.type !== 'unreachable' ? route.dev : null;
    }),
  );
}
