// Routes that the kernel forgets with the last address of a device.
import type { Cidr } from '../address.js';
import { runIn, tryRunIn } from './enter.js';

const family = ({ family: number }: Pick<Cidr, 'family'>): string => `-${number}`;

/** Words of `ip route show dev DEV` that `ip route add` does not take. */
const STATES = new Set(['linkdown', 'dead', 'pervasive', 'offload', 'trap']);

/** Routes as `ip route show dev DEV` prints them, as arguments of `ip route add`; the kernel's own are left out. */
export function parseRoutes(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '' && !/\bproto (kernel|ra)\b/.test(line))
    .map((line) =>
      line
        .split(/\s+/)
        .filter((word) => word !== '' && !STATES.has(word))
        .join(' '),
    );
}

/** Those of an address's family by a device, in the main table. */
export async function routesBy(
  netns: string | undefined,
  dev: string,
  cidr: Pick<Cidr, 'family'>,
): Promise<string[]> {
  return parseRoutes(await runIn(netns, ['ip', family(cidr), 'route', 'show', 'dev', dev]));
}

/** Adds those that are not there. @returns what was added, and what could not be, in words */
export async function addRoutes(
  netns: string | undefined,
  dev: string,
  cidr: Pick<Cidr, 'family'>,
  routes: string[],
): Promise<{ added: string[]; problems: string[] }> {
  const added: string[] = [];
  const problems: string[] = [];
  for (const route of routes) {
    const words = ['ip', family(cidr), 'route', 'add', ...route.split(' '), 'dev', dev];
    const { exitCode, stderr } = await tryRunIn(netns, words);
    if (exitCode === 0) added.push(route);
    else if (!/File exists/.test(stderr))
      problems.push(`the route ${route} dev ${dev}: ${stderr.trim().split('\n')[0]}`);
  }
  return { added, problems };
}

/** Gone already is as good. */
export async function removeRoutes(
  netns: string | undefined,
  dev: string,
  cidr: Pick<Cidr, 'family'>,
  routes: string[],
): Promise<void> {
  for (const route of routes)
    await tryRunIn(netns, ['ip', family(cidr), 'route', 'del', ...route.split(' '), 'dev', dev]);
}
