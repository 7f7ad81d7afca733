// Whether the hosts of peers answer. No packet reaches a QP: one is to a port that is closed, one is empty.
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { tryRun } from '../run.js';

/**
 * `answers`: the host does. `no-roce`: it does, and nothing there takes RoCE. `unreachable`: no way there, or nobody
 * has the address. `silent`: neither the one nor the other; a firewall may swallow the question or the answer.
 */
export type Reach = 'answers' | 'no-roce' | 'unreachable' | 'silent';

export interface ReachOptions {
  /** Where RoCE v2 listens. */
  rocePort?: number;
  /** Where nobody is to listen (discard). */
  closedPort?: number;
  /** The kernel asks three times, a second each, who has an address of its own network. */
  timeoutMs?: number;
}

/** For the second answer of a host whose first one came at once. */
const SOON_MS = 250;

const UNREACHABLE = new Set(['EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL', 'EINVAL']);

/** Asks all of them at once. */
export function reach(addresses: string[], options: ReachOptions = {}): Promise<Reach[]> {
  const { rocePort = 4791, closedPort = 9, timeoutMs = 3500 } = options;
  return Promise.all(
    addresses.map(async (ip) => {
      const enough = new AbortController();
      const began = performance.now();
      const asked = refusal(ip, rocePort, timeoutMs, enough.signal);
      const closed = await refusal(ip, closedPort, timeoutMs);
      // One host answers both questions alike soon, or swallows the first.
      if (closed === 'ECONNREFUSED') {
        const patience = Math.max(SOON_MS, 4 * (performance.now() - began));
        setTimeout(() => enough.abort(), Math.min(patience, timeoutMs));
      }
      const roce = await asked;
      if (roce === 'ECONNREFUSED') return 'no-roce';
      if (closed === 'ECONNREFUSED') return 'answers';
      const isLost = closed === undefined ? await isNobodys(ip) : UNREACHABLE.has(closed);
      return isLost ? 'unreachable' : 'silent';
    }),
  );
}

/** Whether this network was asked who has the address, and nobody has answered. */
async function isNobodys(ip: string): Promise<boolean> {
  const { stdout } = await tryRun('ip', ['-j', 'neigh', 'show', 'to', ip]).catch(() => ({ stdout: '' }));
  const entries = JSON.parse(stdout.trim() || '[]') as { state?: string[] }[];
  return entries.some(({ state = [] }) => state.includes('FAILED') || state.includes('INCOMPLETE'));
}

/** The error that an empty datagram comes back as; undefined: none does. */
function refusal(
  ip: string,
  port: number,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(ip) ? 'udp6' : 'udp4');
    let ended = false;
    const end = (code?: string) => {
      if (ended) return;
      ended = true;
      clearTimeout(timer);
      socket.removeAllListeners('error').on('error', () => {});
      socket.close();
      resolve(code);
    };
    const timer = setTimeout(end, timeoutMs);
    signal?.addEventListener('abort', () => end(), { once: true });
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code));
    socket.once('connect', () => socket.send(Buffer.alloc(0)));
    socket.connect(port, ip);
  });
}
