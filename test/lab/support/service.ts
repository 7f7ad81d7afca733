// A Node program that serves requests over RDMA (test/guest/service.mjs), moved while it does.
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { addFloating, lines, MOVING_IP, type NodeName, node, STAYING_IP, script } from './lab.js';
import { migrate, migrateFails } from './migrate.js';
import { whenImagesArrive } from './sabotage.js';

const GUEST = fileURLToPath(new URL('../../guest', import.meta.url));
const THERE = '/usr/lib/roam-guest';
/** How long the client asks, for each attempt to move its server. */
const SECONDS = 75;

async function start(name: NodeName, role: string, args: string[]): Promise<number> {
  const guest = await node(name);
  await guest.exec(['rm', '-rf', THERE]);
  await guest.push(GUEST, THERE);
  // CRIU cannot dump an io_uring, of which Node's event loop makes use where it can.
  await script(name, 'echo 2 >/proc/sys/kernel/io_uring_disabled');
  return guest.start(['node', `${THERE}/service.mjs`, role, ...args], { log: `/root/service-${role}.out` });
}

const said = (name: NodeName, role: string) => script(name, 'cat "$1"', [`/root/service-${role}.out`]);

async function says(name: NodeName, role: string, pattern: string, count: number): Promise<void> {
  await script(
    name,
    'for n in $(seq 300); do [ $(grep -c "$2" "$1") -ge "$3" ] && exit; sleep 0.1; done; cat "$1" >&2; exit 1',
    [`/root/service-${role}.out`, pattern, String(count)],
  );
}

/** The images find no place: the server stays, goes on, and is told. */
async function failsOnce(pid: number): Promise<void> {
  const sabotage = await whenImagesArrive('b', 'rm -rf /dev/shm/roam-*', 'true');
  const error = await migrateFails('a', pid, { to: 'b' });
  await sabotage.undo();
  expect(error.phase).toBe('transfer');
  await says('a', 'server', '^about to be moved', 1);
  await says('a', 'server', '^runs again, not moved', 1);
}

/** Moves the server from a to b while the client on c asks, and expects every answer to have been right. */
export async function serviceMoves(
  address: 'floating' | 'changed',
  { afterFailure = false } = {},
): Promise<void> {
  const [serverIp, clientIp] =
    address === 'floating' ? [MOVING_IP, STAYING_IP] : [(await node('a')).ip, (await node('c')).ip];
  if (address === 'floating') {
    await addFloating('a', MOVING_IP);
    await addFloating('c', STAYING_IP);
  }
  const pid = await start('a', 'server', [serverIp]);
  await says('a', 'server', '^listening', 2);
  const seconds = afterFailure ? 2 * SECONDS : SECONDS;
  await start('c', 'client', [clientIp, serverIp, String(seconds)]);
  await says('c', 'client', '^connected', 2);
  if (afterFailure) await failsOnce(pid);
  const report = await migrate('a', pid, {
    to: 'b',
    ...(address === 'floating' ? { ip: `${MOVING_IP}/24` } : {}),
  });
  expect(report.objects.qp).toHaveLength(2);
  await script(
    'c',
    `until grep -q '^{"ok"\\|rror' "$1"; do sleep 0.5; done`,
    ['/root/service-client.out'],
    250_000,
  );
  const answer = lines(await said('c', 'client')).at(-1) ?? '';
  const verdict = JSON.parse(answer);
  expect(verdict.ok, answer).toBe(true);
  for (const { asked, ticks } of verdict.results) {
    expect(asked, answer).toBeGreaterThan(50);
    expect(ticks, answer).toBeGreaterThan(50);
  }
  await says('b', 'server', '^{"port"', 2);
  await says('b', 'server', '^about to be moved', 1);
  await says('b', 'server', '^runs again, moved', 1);
}
