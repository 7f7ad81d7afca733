import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  endGame,
  type Place,
  type Player,
  packets,
  ping,
  player,
  ROUND_TRIP,
  silence,
  startGame,
  stillPlays,
} from '../support/game.js';
import { type Leg, legOf, recordJourney } from '../support/game-table.js';
import { useSweptLabOnce } from '../support/hooks.js';
import { MOVING_IP } from '../support/lab.js';
import { migrate } from '../support/migrate.js';
import { FAST_LINK } from '../support/pace.js';

/** Round the world, back to the second place as in the article, and home for the next journey. */
const ROUTE: [Place, Place][] = [
  ['a', 'b'],
  ['b', 'c'],
  ['c', 'd'],
  ['d', 'b'],
  ['b', 'a'],
];

/** As in the article there is one round of pre-copy. */
const PRE_COPY = ['--pre-copy', '--max-rounds', '1'];
const WAYS: Record<string, string[]> = {
  'all memory in the freeze': [],
  'pre-copy': PRE_COPY,
  'pre-copy and post-copy': [...PRE_COPY, '--post-copy'],
};

describe('a game server in a container, without RDMA, with a client that stays connected', () => {
  // Each journey is five moves.
  vi.setConfig({ testTimeout: 3_600_000 });
  useSweptLabOnce(FAST_LINK);
  const legs: Leg[] = [];
  let client = 0;
  let seen: Player;

  beforeAll(async () => {
    client = await startGame();
    seen = (await player('a')) as Player;
  });
  afterAll(endGame);

  it.each(Object.entries(WAYS))('goes round the world: %s', async (way, extra) => {
    for (const [from, to] of ROUTE) {
      const before = await packets();
      // What the auto mode measures in each stream takes an emulated processor longer than the pages.
      const how = ['--compress', 'none', ...extra];
      const report = await migrate(from, 'runc:game', { to, ip: `${MOVING_IP}/24`, extra: how });
      seen = await stillPlays(client, to, seen);
      const pingMs = await ping();
      expect(pingMs, `round trip to ${to}`).toBeGreaterThanOrEqual(ROUND_TRIP[to]);
      expect(pingMs, `round trip to ${to}`).toBeLessThan(ROUND_TRIP[to] + 60);
      expect(report).toMatchObject({ target: 'runc:game', objects: { qp: [] } });
      expect(report.rounds?.length ?? 0).toBe(way === 'all memory in the freeze' ? 0 : 1);
      if (extra.includes('--post-copy')) expect(report.postCopy?.kept).toBeGreaterThan(0);
      else expect(report.postCopy).toBeUndefined();
      const leg = legOf({ from, to, way, silentMs: await silence(before), pingMs }, report);
      console.log(JSON.stringify(leg));
      legs.push(leg);
    }
    // With pre-copy less has to go in the freeze, and with post-copy less still.
    const frozen = (of: string) => legs.filter((leg) => leg.way === of).map((leg) => leg.bytes);
    const [whole, ahead, behind] = Object.keys(WAYS).map((of) => Math.max(...frozen(of)));
    if (legs.length > ROUTE.length) expect(ahead).toBeLessThan(Number(whole) / 2);
    if (legs.length > 2 * ROUTE.length) {
      expect(behind).toBeLessThan(Number(ahead));
      await recordJourney(legs);
    }
  });
});
