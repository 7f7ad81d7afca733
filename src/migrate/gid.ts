// GID tables of RoCE devices.
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const INFINIBAND = '/sys/class/infiniband';

/** Entries that are looked at: the table has the first free place for every new address. */
const SEARCHED = 64;

/** The GID of an address as sysfs writes it: IPv4 ones are mapped (IBTA annex A17, RoCEv2). */
export function gidOf(ip: string): string {
  if (isIP(ip) === 4) {
    const hex = ip.split('.').map((byte) => Number(byte).toString(16).padStart(2, '0'));
    return `0000:0000:0000:0000:0000:ffff:${hex[0]}${hex[1]}:${hex[2]}${hex[3]}`;
  }
  const [head = '', tail] = ip.toLowerCase().split('::');
  const left = head.split(':').filter(Boolean);
  const right = tail === undefined ? [] : tail.split(':').filter(Boolean);
  const zeros = Array<string>(tail === undefined ? 0 : 8 - left.length - right.length).fill('0');
  return [...left, ...zeros, ...right].map((group) => group.padStart(4, '0')).join(':');
}

/** Index of the address in the device's GID table (port 1); undefined: not there. */
export async function gidIndex(device: string, ip: string): Promise<number | undefined> {
  const wanted = gidOf(ip);
  for (let index = 0; index < SEARCHED; index++) {
    const gid = await readFile(`${INFINIBAND}/${device}/ports/1/gids/${index}`, 'utf8').catch(() => '');
    if (gid.trim() === wanted) return index;
  }
  return undefined;
}

/** The kernel fills the table some time after the address was added; a QP needs the entry at once. */
export async function awaitGid(device: string, ip: string, timeoutMs = 5000): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while ((await gidIndex(device, ip)) === undefined) {
    if (performance.now() > deadline) return false;
    await sleep(5);
  }
  return true;
}
