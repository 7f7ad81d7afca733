// TCP connections of a process tree, and the lock that keeps them silent while they change hosts.
import { readFile } from 'node:fs/promises';
import type { OpenFd } from './proc.js';

export interface TcpSocket {
  family: 4 | 6;
  localAddress: string;
  localPort: number;
  remoteAddress: string;
  remotePort: number;
  /** Value of the kernel's TCP state enumeration: 1 established, 10 listen. */
  state: number;
  inode: number;
}

const TCP_CLOSE = 7;
const TCP_LISTEN = 10;

/** Address of /proc/net/tcp{,6}: 32-bit words, each in host (little endian) byte order. */
export function decodeAddress(hex: string): string {
  const bytes: number[] = [];
  for (let word = 0; word < hex.length; word += 8) {
    for (let i = 6; i >= 0; i -= 2) bytes.push(Number.parseInt(hex.slice(word + i, word + i + 2), 16));
  }
  if (bytes.length === 4) return bytes.join('.');
  const mapped = bytes.slice(0, 10).every((b) => b === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  if (mapped) return bytes.slice(12).join('.');
  const groups: string[] = [];
  for (let i = 0; i < 16; i += 2) groups.push((((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0)).toString(16));
  return compressIpv6(groups);
}

/** The longest run of zero groups becomes `::` (RFC 5952). */
function compressIpv6(groups: string[]): string {
  let best = { start: -1, length: 1 };
  for (let i = 0; i < groups.length; i++) {
    let length = 0;
    while (groups[i + length] === '0') length++;
    if (length > best.length) best = { start: i, length };
  }
  if (best.start < 0) return groups.join(':');
  const head = groups.slice(0, best.start).join(':');
  const tail = groups.slice(best.start + best.length).join(':');
  return `${head}::${tail}`;
}

/** Rows of /proc/net/tcp, tcp6, udp or udp6. */
export function parseSocketTable(text: string): TcpSocket[] {
  const rows: TcpSocket[] = [];
  for (const line of text.split('\n').slice(1)) {
    const fields = line.trim().split(/\s+/);
    const [localHex, localPort] = (fields[1] ?? '').split(':');
    const [remoteHex, remotePort] = (fields[2] ?? '').split(':');
    if (!localHex || !localPort || !remoteHex || !remotePort) continue;
    const localAddress = decodeAddress(localHex);
    rows.push({
      family: localAddress.includes(':') ? 6 : 4,
      localAddress,
      localPort: Number.parseInt(localPort, 16),
      remoteAddress: decodeAddress(remoteHex),
      remotePort: Number.parseInt(remotePort, 16),
      state: Number.parseInt(fields[3] ?? '0', 16),
      inode: Number(fields[9]),
    });
  }
  return rows;
}

async function socketsOf(pid: number, fds: OpenFd[], tables: string[]): Promise<TcpSocket[]> {
  const inodes = new Set<number>();
  for (const { link } of fds) {
    const inode = /^socket:\[(\d+)\]$/.exec(link)?.[1];
    if (inode) inodes.add(Number(inode));
  }
  if (inodes.size === 0) return [];
  const texts = await Promise.all(
    tables.map((table) => readFile(`/proc/${pid}/net/${table}`, 'utf8').catch(() => '')),
  );
  return texts.flatMap(parseSocketTable).filter((socket) => inodes.has(socket.inode));
}

export interface TcpSockets {
  connections: TcpSocket[];
  listeners: TcpSocket[];
}

/** TCP sockets behind the given descriptors. */
export async function tcpSockets(pid: number, fds: OpenFd[]): Promise<TcpSockets> {
  const sockets = await socketsOf(pid, fds, ['tcp', 'tcp6']);
  return {
    connections: sockets.filter(({ state }) => state !== TCP_LISTEN && state !== TCP_CLOSE),
    listeners: sockets.filter(({ state }) => state === TCP_LISTEN),
  };
}

/** UDP sockets that are bound to an address. */
export function udpSockets(pid: number, fds: OpenFd[]): Promise<TcpSocket[]> {
  return socketsOf(pid, fds, ['udp', 'udp6']);
}

export const isWildcard = (address: string): boolean => address === '0.0.0.0' || address === '::';
export const isLoopback = (address: string): boolean => address === '::1' || address.startsWith('127.');

/** CRIU marks the packets by which it restores a socket's state (soccr/soccr.h). */
const SOCCR_MARK = 0xc114;

/** The ends of a connection, without the state that changes. */
export type TcpEnds = Pick<
  TcpSocket,
  'family' | 'localAddress' | 'localPort' | 'remoteAddress' | 'remotePort'
>;

/** Whether two lists hold the same connections, in any order. */
export function sameEnds(a: TcpEnds[], b: TcpEnds[]): boolean {
  const key = (c: TcpEnds) => [c.localAddress, c.localPort, c.remoteAddress, c.remotePort].join();
  const keys = new Set(a.map(key));
  return keys.size === new Set(b.map(key)).size && b.every((ends) => keys.has(key(ends)));
}

/**
 * nft(8) script of a table that drops every packet of the connections, both ways.
 *
 * The destination needs it from before the address arrives (or its kernel would answer the peer with RST)
 * until the commit (or it would acknowledge data that a rollback loses).
 */
export function lockRuleset(table: string, connections: TcpEnds[]): string {
  const rules = connections.map(({ family, localAddress, localPort, remoteAddress, remotePort }) => {
    const ip = family === 4 ? 'ip' : 'ip6';
    return {
      out: `${ip} saddr ${localAddress} tcp sport ${localPort} ${ip} daddr ${remoteAddress} tcp dport ${remotePort} drop`,
      in: `${ip} saddr ${remoteAddress} tcp sport ${remotePort} ${ip} daddr ${localAddress} tcp dport ${localPort} drop`,
    };
  });
  const chain = (hook: 'input' | 'output', lines: string[]) =>
    [
      `  chain ${hook} {`,
      `    type filter hook ${hook} priority 0; policy accept;`,
      `    meta mark ${SOCCR_MARK} accept`,
      ...lines.map((line) => `    ${line}`),
      '  }',
    ].join('\n');
  const output = chain(
    'output',
    rules.map((rule) => rule.out),
  );
  const input = chain(
    'input',
    rules.map((rule) => rule.in),
  );
  // Declared and deleted first: one transaction replaces whatever the table held.
  const replace = `table inet ${table}\ndelete table inet ${table}\n`;
  return `${replace}table inet ${table} {\n${output}\n${input}\n}\n`;
}
