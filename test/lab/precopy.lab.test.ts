import { describe, expect, it } from 'vitest';
import { useSweptLab } from './support/hooks.js';
import { migrate } from './support/migrate.js';
import { startPages, verdictOf } from './support/pages.js';

/** Pages of the areas that the peer writes to, and of those that nobody touches again; as in pages.c. */
const WRITTEN = 3 * 512;
const STILL = 3 * 512;
/** CRIU sends anonymous shared memory in the freeze only. */
const SHARED = 1024;

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
});
