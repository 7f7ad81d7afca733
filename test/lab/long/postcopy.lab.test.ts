import { describe, expect, it } from 'vitest';
import { useSweptLab } from '../support/hooks.js';
import { lines, type NodeName, node, script } from '../support/lab.js';
import { isAlive, migrate, migrateFails } from '../support/migrate.js';
import { startPages, verdictOf } from '../support/pages.js';

/** Memory that no device has registered, in MiB and in pages; one half of it is written to all the time. */
const PLAIN = 16;
const PLAIN_PAGES = PLAIN * 256;
/** So much that it is still on its way when a busy node has got to the end of the engine, in MiB. */
const MUCH = 64;
/** Private pages of the process beside it: libraries, heap. */
const OWN_PAGES = 500;
/** Registered: small, huge and shared pages, as in pages.c. */
const REGISTERED = 3 * 1024;
const MIB = 1048576;

const good = {
  ok: true,
  pages: REGISTERED,
  good: REGISTERED,
  plain: PLAIN_PAGES,
  plainGood: PLAIN_PAGES,
  firstError: '',
};

/** Runs `action` on a node as soon as its journal says that the process runs at the destination. */
async function whileMemoryComes(name: NodeName, phase: string, action: string): Promise<void> {
  const watcher = `until grep -qs '"phase":"${phase}"' /var/lib/roam/*.json; do sleep 0.05; done; ${action}`;
  await (await node(name)).start(['sh', '-c', watcher], { log: '/root/sabotage.out' });
}

/** The process is on neither host, and nothing of its migration. */
async function isLost(pid: number): Promise<void> {
  for (const name of ['a', 'b'] as const) {
    await script(
      name,
      `for try in $(seq 240); do
         left="$(ls -d /dev/shm/roam-* /var/lib/roam/*.json 2>/dev/null; pgrep -a -x criu; pgrep -a -f '[r]oam-pages-guard'; nft list tables | grep -i 'criu\\|roam')"
         [ -z "$left" ] && exit; sleep 0.5
       done; echo "$left" >&2; exit 1`,
      [],
      150_000,
    );
    expect(await isAlive(name, pid), `process ${pid} on ${name}`).toBe(false);
  }
}

describe('post-copy', () => {
  useSweptLab();

  it('sends what no device has registered when the process runs', { timeout: 500_000 }, async () => {
    const { pid, peer } = await startPages(100, PLAIN);
    const before = await migrate('a', pid, { to: 'b' });
    const report = await migrate('b', pid, { to: 'a', extra: ['--post-copy'] });
    const verdict = await verdictOf(peer, 'a');
    console.log(
      `frozen ${before.frozenMs} ms, with post-copy ${report.frozenMs} ms; ${JSON.stringify(report.postCopy)}`,
    );
    expect(verdict).toMatchObject(good);
    expect(verdict.written, 'the peer wrote').toBeGreaterThan(100);
    expect(report.bytes, 'in the freeze').toBeLessThan(before.bytes - (PLAIN - 1) * MIB);
    const { kept = 0, pages = 0, bytes = 0 } = report.postCopy ?? {};
    expect(kept, 'all that can wait').toBeGreaterThanOrEqual(PLAIN_PAGES);
    expect(kept, 'and nothing that is registered').toBeLessThan(PLAIN_PAGES + OWN_PAGES);
    expect(pages).toBeGreaterThanOrEqual(PLAIN_PAGES);
    expect(bytes).toBeGreaterThan(PLAIN * MIB);
  });

  it('sends after pre-copy only what has changed since', { timeout: 400_000 }, async () => {
    const { pid, peer } = await startPages(100, PLAIN);
    const extra = ['--pre-copy', '--max-rounds', '2', '--post-copy'];
    const report = await migrate('a', pid, { to: 'b', extra });
    console.log(JSON.stringify(report.rounds), report.frozenMs, JSON.stringify(report.postCopy));
    expect(await verdictOf(peer, 'b')).toMatchObject(good);
    const [all, again] = report.rounds ?? [];
    // Of what is pinned a third is shared memory, which is in no round: it may be taken for as much that is.
    const later = (all?.pages ?? 0) - (all?.inFreeze ?? 0);
    expect(later, 'could follow').toBeGreaterThanOrEqual(PLAIN_PAGES - REGISTERED / 3);
    expect(later, 'and nothing that is registered').toBeLessThan(PLAIN_PAGES + OWN_PAGES);
    expect(again?.inFreeze).toBeLessThan(all?.inFreeze ?? 0);
    expect(report.postCopy?.kept, 'the processor goes on writing').toBeGreaterThan(0);
    expect(report.postCopy?.kept, 'not what went before').toBeLessThan(PLAIN_PAGES / 2 + OWN_PAGES);
  });

  it('loses the process whole when its memory cannot come', { timeout: 400_000 }, async () => {
    const { pid, peer } = await startPages(20, PLAIN);
    await whileMemoryComes('b', 'resume', `sleep 1; pkill -9 -f '[l]azy-pages'`);
    const failure = await migrateFails('a', pid, {
      to: 'b',
      extra: ['--post-copy', '--bandwidth-limit', '2'],
    });
    expect(failure).toMatchObject({ code: 'PROCESS_LOST', phase: 'post-copy', host: 'b' });
    expect(failure.message).toMatch(/the lazy pages daemon ended.* has ended on both hosts/);
    await isLost(pid);
    await script('c', 'kill -9 "$1"', [String(peer)]);
  });

  it('loses it whole, too, when the engine is killed meanwhile', { timeout: 600_000 }, async () => {
    const { pid, peer } = await startPages(20, MUCH);
    const a = await node('a');
    const command = ['roam', 'migrate', `pid:${pid}`, '--to', 'b', '--post-copy', '--bandwidth-limit', '2'];
    const engine = await a.start(command, { log: '/root/engine.out' });
    await whileMemoryComes('a', 'post-copy', `kill -9 ${engine}`);
    await script('a', 'while kill -0 "$1" 2>/dev/null; do sleep 0.2; done', [String(engine)], 300_000);
    const said = lines(await script('a', 'cat /root/engine.out'));
    expect(said.at(-1), 'it was killed at work').toMatch(/^settle/);
    await isLost(pid);
    await script('c', 'kill -9 "$1"', [String(peer)]);
  });
});
