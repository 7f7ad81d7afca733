// The floating address: where it is, how it leaves one host and arrives at the other.

import { readdir, readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { RoamError } from '../errors.js';
import { runIn, tryRunIn } from './netns/enter.js';
import { hasProgram, run } from './run.js';

export interface Cidr {
  ip: string;
  prefix: number;
  family: 4 | 6;
}

/** As the journal of a host keeps it. */
export interface MovedAddress {
  cidr: Cidr;
  /** Has it, or takes it, on this host. */
  dev: string;
  /** Path of the network namespace of `dev`, if it is not that of the host, and the routes that go along. */
  netns?: string;
  routes?: string[];
}

/** @throws RoamError BAD_ADDRESS */
export function parseCidr(text: string): Cidr {
  const [ip = '', prefixText = '', ...rest] = text.split('/');
  const family = isIP(ip);
  const prefix = /^\d+$/.test(prefixText) ? Number(prefixText) : -1;
  if (!family || rest.length > 0 || prefix < 0 || prefix > (family === 4 ? 32 : 128)) {
    throw new RoamError('BAD_ADDRESS', `"${text}" is not an address with its prefix length`, {
      remedy: 'write it as --ip 10.0.1.7/24',
    });
  }
  return { ip, prefix, family: family as 4 | 6 };
}

/** Whether an IPv4 address is in the network of another; false where that is not known. */
export function sameNetwork(ip: string, cidr: { ip: string; prefix: number }): boolean {
  if (isIP(ip) !== 4 || isIP(cidr.ip) !== 4) return false;
  const bits = (text: string) => text.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0);
  const size = 2 ** (32 - cidr.prefix);
  return Math.floor(bits(ip) / size) === Math.floor(bits(cidr.ip) / size);
}

/** Every address of this host's running devices. */
export function localAddresses(): { dev: string; ip: string }[] {
  return Object.entries(networkInterfaces()).flatMap(([dev, entries = []]) =>
    entries.map(({ address }) => ({ dev, ip: address })),
  );
}

/** The device of this host that holds `ip`. */
export function deviceOf(ip: string): string | undefined {
  return localAddresses().find((address) => address.ip === ip)?.dev;
}

/** @param netns Path of the network namespace of `dev`, if it is not that of this process. */
export async function removeAddress({ ip, prefix }: Cidr, dev: string, netns?: string): Promise<void> {
  await runIn(netns, ['ip', 'address', 'del', `${ip}/${prefix}`, 'dev', dev]);
}

/** Adds the address without duplicate detection: it has just left the other host. Present is fine. */
export async function addAddress({ ip, prefix, family }: Cidr, dev: string, netns?: string): Promise<void> {
  const how = family === 6 ? ['nodad'] : [];
  await runIn(netns, ['ip', 'address', 'replace', `${ip}/${prefix}`, 'dev', dev, ...how]);
}

/** The program that can send a gratuitous ARP here, as the arguments before device and address. */
export function arpAnnouncer(): Promise<string[] | undefined> {
  announcer ??= findAnnouncer();
  return announcer;
}

/** Looked for once: it is asked for again while processes are frozen. */
let announcer: Promise<string[] | undefined> | undefined;

async function findAnnouncer(): Promise<string[] | undefined> {
  if (await hasProgram('arping')) return ['arping'];
  if ((await hasProgram('busybox')) && (await run('busybox', ['--list'])).split('\n').includes('arping')) {
    return ['busybox', 'arping'];
  }
  return undefined;
}

/**
 * Tells the neighbours where an IPv4 address is now (RFC 5227 announcement): as a request and as a reply,
 * because some stacks heed only one of them, and a second apart, because Linux ignores a change of an entry
 * that it has just updated. IPv6 announcements are the kernel's.
 */
export async function announce(
  { ip, family }: Cidr,
  dev: string,
  announcer: string[],
  netns?: string,
): Promise<void> {
  if (family === 6) return;
  for (const mode of ['-U', '-A', '', '-U']) {
    if (!mode) {
      await sleep(1100);
      continue;
    }
    // Some versions exit with 1 because nobody answered what needs no answer: only words count.
    const words = [...announcer, '-c', '1', '-w', '1', mode, '-I', dev, ip];
    const { exitCode, stderr } = await tryRunIn(netns, words);
    if (exitCode !== 0 && stderr) throw new RoamError('ARP_FAILED', stderr.split('\n')[0] ?? '');
  }
}

const INFINIBAND = '/sys/class/infiniband';

export interface RdmaLink {
  device: string;
  netdev: string;
}

/** RoCE devices of this host and their network devices (port 1, GID table of sysfs). */
export async function rdmaLinks(): Promise<RdmaLink[]> {
  const devices = await readdir(INFINIBAND).catch(() => []);
  const links = await Promise.all(
    devices.map(async (device) => {
      const text = await readFile(`${INFINIBAND}/${device}/ports/1/gid_attrs/ndevs/0`, 'utf8').catch(
        () => '',
      );
      return { device, netdev: text.trim() };
    }),
  );
  return links.filter(({ netdev }) => netdev !== '');
}
