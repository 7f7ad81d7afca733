import { describe, expect, it } from 'vitest';
import { useSweptLab } from './support/hooks.js';
import { inAllNodes, node, script, workload } from './support/lab.js';
import { isAlive, migrate, migrateFails } from './support/migrate.js';

const OUT = '/root/pages.out';

/** Pages of the areas that the peer writes to, and of those that nobody touches again; as in pages.c. */
const WRITTEN = 3 * 512;
const STILL = 3 * 512;
/** CRIU sends anonymous shared memory in the freeze only. */
const SHARED = 1024;

interface Verdict {
  ok: boolean;
  pages: number;
  good: number;
  written: number;
  firstError: string;
}

/** A process on `a` into whose memory one on `c` writes by RDMA, without a pause. */
async function startPages(rate: number) {
  const pid = await (await node('a')).start([workload('pages'), '-s'], { log: OUT });
  await script('a', 'until grep -q listening "$1"; do sleep 0.1; done', [OUT]);
  const peer = await (await node('c')).start([workload('pages'), '-r', String(rate), 'a'], { log: OUT });
  await script('c', 'until grep -q connected "$1"; do sleep 0.1; done', [OUT]);
  return { pid, peer };
}

/** Stops the peer, which then tells what it wrote, and reads what the process makes of it. */
async function verdictOf(peer: number, host: 'a' | 'b'): Promise<Verdict> {
  await script('c', 'kill -USR1 "$1"; until grep -q writes "$2"; do sleep 0.1; done', [String(peer), OUT]);
  return JSON.parse(await script(host, 'until grep errorCount "$1"; do sleep 0.1; done', [OUT])) as Verdict;
}

describe('pre-copy', () => {
  useSweptLab();

  it('sends what a peer writes by RDMA meanwhile, and nothing else again', async () => {
    const { pid, peer } = await startPages(100);
    const report = await migrate('a', pid, { to: 'b', extra: ['--pre-copy', '--max-rounds', '3'] });
    const verdict = await verdictOf(peer, 'b');
    expect(verdict).toMatchObject({
      ok: true,
      pages: WRITTEN + STILL,
      good: WRITTEN + STILL,
      firstError: '',
    });
    expect(verdict.written, 'the peer wrote').toBeGreaterThan(100);

    console.log(
      JSON.stringify(report.rounds),
      `${report.bytes} bytes in the freeze of ${report.frozenMs} ms`,
    );
    const [first, ...later] = report.rounds ?? [];
    expect(later.length).toBeGreaterThan(0);
    expect(first?.pages, 'all memory goes once').toBeGreaterThan(WRITTEN + STILL - SHARED);
    for (const { pages, unchanged } of later) {
      expect(pages, 'of what was sent before, only what was written').toBeLessThan(WRITTEN + 200);
      expect(unchanged, 'CRIU takes pinned pages for dirty: they are not sent for that').toBeGreaterThan(500);
    }
    expect(report.bytes, 'in the freeze').toBeLessThan(
      (WRITTEN - SHARED / 2 + SHARED + 400) * 4096 + 1_000_000,
    );
  });

  it('does not freeze a process whose blackout would be too long, and says why', async () => {
    const { pid, peer } = await startPages(200);
    const failure = await migrateFails('a', pid, { to: 'b', extra: ['--max-blackout', '1ms'] });
    expect(failure).toMatchObject({ code: 'NO_CONVERGENCE', phase: 'pre-copy' });
    expect(failure.message).toMatch(/does not converge: after \d rounds the blackout would be \d/);
    expect(failure.remedy).toContain('--on-no-convergence go');
    expect(await isAlive('a', pid)).toBe(true);
    expect(await verdictOf(peer, 'a')).toMatchObject({ ok: true });
    for (const { text } of await inAllNodes('ls -d /dev/shm/roam-* 2>/dev/null; true')) expect(text).toBe('');
  });
});
