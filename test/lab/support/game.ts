// A game server in a container of runc, and a client that stays connected while it moves.
import { fileURLToPath } from 'node:url';
import { expect, vi } from 'vitest';
import { containers } from './container.js';
import { addFloating, MOVING_IP, type NodeName, node, STAYING_IP, script } from './lab.js';
import { isAlive } from './migrate.js';

const FILES = fileURLToPath(new URL('../../../examples/game', import.meta.url));
const THERE = '/root/game';
const CLIENT_LOG = '/root/client.out';
const CAPTURE = '/root/packets.out';
const PORT = 30000;

/** Milliseconds from the client's node to a node and back; the way back has all of it. */
export const ROUND_TRIP = { a: 15, b: 50, c: 133, d: 283 } as const;
export type Place = keyof typeof ROUND_TRIP;
const PLACES = Object.keys(ROUND_TRIP) as Place[];

/** What the server knows of the client. */
export interface Player {
  /** How often it has joined and left. */
  came: number;
  left: number;
  /** Of the connection, in seconds. */
  uptime: number;
}

/** Starts the server on node a and connects the client. @returns pid of the client */
export async function startGame(): Promise<number> {
  await Promise.all([...PLACES, 'peer' as const].map(async (name) => (await node(name)).push(FILES, THERE)));
  for (const place of PLACES) {
    const netem = `tc qdisc replace dev eth0 root netem delay ${ROUND_TRIP[place]}ms limit 100000`;
    await script(place, `sh ${THERE}/bundle.sh && ${netem}`);
  }
  await addFloating('a', MOVING_IP);
  await addFloating('peer', STAYING_IP);
  await script(
    'a',
    `cd /containers/game && runc run --detach game </dev/null >/dev/null 2>&1
     until grep -qs listening /proc/$(pidof luantiserver)/root/tmp/server.log; do sleep 0.5; done`,
    [],
    300_000,
  );
  const there = await node('peer');
  const filter = ['udp', 'and', 'src', 'port', String(PORT)];
  await there.start(['tcpdump', '-i', 'eth0', '-tt', '-n', '-l', ...filter], { log: CAPTURE });
  const client = await there.start(['sh', `${THERE}/client.sh`, CLIENT_LOG], { log: '/dev/null' });
  await vi.waitUntil(async () => (await player('a'))?.came === 1, { timeout: 180_000, interval: 2000 });
  return client;
}

/** Ends both, wherever they are, and takes the delays away. */
export async function endGame(): Promise<void> {
  await script('peer', 'pkill luanti; pkill tcpdump; true');
  for (const place of PLACES)
    await script(
      place,
      'runc delete --force game; rm -rf /containers /root/game; tc qdisc del dev eth0 root; true',
      [],
      120_000,
    );
}

/** The record that the server keeps of the client; undefined: it has none yet. */
export async function player(at: Place): Promise<Player | undefined> {
  const file = '/proc/$(pidof luantiserver)/root/tmp/world/players.json';
  const { players } = JSON.parse((await script(at, `cat ${file} 2>/dev/null || echo '{}'`)) || '{}');
  return players?.traveller;
}

/** Packets that have come to the client so far. */
export async function packets(): Promise<number> {
  return Number(await script('peer', `wc -l <${CAPTURE}`));
}

/** The longest time that the client heard nothing of the server since it had so many packets, in milliseconds. */
export async function silence(since: number): Promise<number> {
  const longest =
    '$2 == "IP" { if (last && $1 - last > most) most = $1 - last; last = $1 } END { print most }';
  return Math.round(
    1000 * Number(await script('peer', `tail -n +"$1" ${CAPTURE} | awk '${longest}'`, [String(since)])),
  );
}

/** The shortest of ten round trips from the client's node to the server's address, in milliseconds. */
export async function ping(): Promise<number> {
  const { stdout } = await (await node('peer')).exec(['ping', '-q', '-c', '10', '-i', '0.3', MOVING_IP]);
  const [, shortest] = /min\/avg\/max\/mdev = ([\d.]+)/.exec(stdout) ?? [];
  return Number(shortest);
}

/** The client is where it was, plays with the server at `at`, and was never away. */
export async function stillPlays(client: number, at: Place, before: Player): Promise<Player> {
  const heard = await packets();
  await expect
    .poll(packets, { timeout: 60_000, interval: 1000, message: 'the client hears nothing of the server' })
    .toBeGreaterThan(heard + 20);
  const seen = await player(at);
  expect(seen, 'it came once').toMatchObject({ came: 1, left: 0 });
  expect(seen?.uptime, 'of one connection').toBeGreaterThan(before.uptime);
  const said = await script('peer', `tail -n 40 ${CLIENT_LOG}; dmesg | tail -n 5`);
  expect(await isAlive('peer', client), `the client runs\n${said}`).toBe(true);
  const complaints = await script(
    'peer',
    `grep -iE 'error|denied|timed out|disconnect' ${CLIENT_LOG} || true`,
  );
  expect(complaints, 'what the client complains about').toBe('');
  for (const place of PLACES)
    expect(await containers(place as NodeName), `runc list on ${place}`).toMatchObject(
      place === at ? [{ id: 'game', status: 'running' }] : [],
    );
  return seen as Player;
}
