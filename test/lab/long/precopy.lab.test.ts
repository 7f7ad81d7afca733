import { describe, expect, it } from 'vitest';
import { useSweptLab } from '../support/hooks.js';
import { inAllNodes } from '../support/lab.js';
import { isAlive, migrateFails } from '../support/migrate.js';
import { startPages, verdictOf } from '../support/pages.js';

describe('pre-copy', () => {
  useSweptLab();

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
