// The network namespace that a container of runc does not share with the host, as it is at the source.
import type { Cidr } from '../address.js';
import { type Container, isManaged } from '../oci/container.js';
import { foreignNamespaces } from '../proc.js';
import type { TcpEnds } from '../tcp.js';
import { isNetnsOf, linksIn, type NetnsLink, othersIn } from './facts.js';
import { routesBy } from './routes.js';

export interface Inside {
  /** By which the container has joined it; absent: runc has made it for this container alone. */
  path?: string;
  /** At the path is another namespace by now. */
  isReplaced: boolean;
  links: NetnsLink[];
  /** Processes beside those of the container. */
  others: { pid: number; comm: string }[];
  /** The address in it that is to move, and the routes by its device, as `ip route` words them. */
  address?: { cidr: Cidr; dev: string; routes: string[] };
}

/** undefined: the container is on the network of the host, or Docker or Podman sees to its networks. */
export async function readInside(
  container: Container,
  pids: number[],
  cidr: Cidr | undefined,
): Promise<Inside | undefined> {
  const { pid, netns: path } = container;
  if (isManaged(container) || !(await foreignNamespaces(pid)).includes('net')) return undefined;
  // Not by the path: another namespace may be there by now.
  const own = `/proc/${pid}/ns/net`;
  const links = await linksIn(own);
  const has = ({ addresses }: NetnsLink) => addresses.some((address) => address.startsWith(`${cidr?.ip}/`));
  const dev = path === undefined ? undefined : links.find(has)?.name;
  return {
    ...(path === undefined ? {} : { path }),
    isReplaced: path !== undefined && !(await isNetnsOf(pid, path)),
    links,
    others: await othersIn(pid, pids),
    ...(cidr && dev ? { address: { cidr, dev, routes: await routesBy(own, dev, cidr) } } : {}),
  };
}

/** Nobody from outside reaches it, and it is made anew with the processes in it. */
export const isPrivate = (inside: Inside | undefined): boolean =>
  inside !== undefined && inside.path === undefined;

/** Whether connections have to be silenced while they are between the hosts. */
export function locksTcp(
  { connections, inside }: { connections: TcpEnds[]; inside?: Inside },
  tcpClose: boolean | undefined,
): boolean {
  return connections.length > 0 && !tcpClose && !isPrivate(inside);
}
