// The module's whole surface under calls, packets and settings of every kind, on two kernels at once: b sends what
// it likes to a, whose programs call what they like and are killed. The kernels' logs are looked at by the hooks.
import { describe, expect, it } from 'vitest';
import { useSweptLab } from '../support/hooks.js';
import { node, script } from '../support/lab.js';
import { FAST_LINK } from '../support/pace.js';

const FUZZ = '/usr/lib/roam/workloads/fuzz';
/** `ROAM_FUZZ_SECONDS` and `ROAM_FUZZ_SEED` make it longer, and the same again. */
const SECONDS = Number(process.env.ROAM_FUZZ_SECONDS ?? 60);
const SEED = process.env.ROAM_FUZZ_SEED ?? String(Date.now() % 1_000_000_007);
const LIMIT = (SECONDS + 240) * 1000;

interface Counts {
  ok: boolean;
  sane: boolean;
  allowedMethod: string;
  processes: number;
  messages: number;
  replayed: number;
  calls: Record<string, { calls: number; ok: number }>;
}

describe('whatever is called, sent or set', { timeout: LIMIT + 60_000 }, () => {
  useSweptLab(FAST_LINK);

  it('the kernels say nothing, nobody may what he may not, and new connections work', async () => {
    console.log(`ROAM_FUZZ_SEED=${SEED} ROAM_FUZZ_SECONDS=${SECONDS}`);
    const [a, b] = [await node('a'), await node('b')];
    const args = ['--seconds', String(SECONDS), '--seed', SEED];
    const [calls, packets] = await Promise.all([
      a.exec([FUZZ, '--peer', b.ip, ...args], { timeout: LIMIT, reject: false }),
      b.exec([FUZZ, '--wire', b.ip, a.ip, ...args], { timeout: LIMIT, reject: false }),
    ]);
    // The next test wants other numbers than those that were written here.
    await script('a', 'sh /usr/lib/roam/guest/load-rxe roam');
    expect(calls.stderr + packets.stderr).not.toContain('Usage');
    const counts = JSON.parse(calls.stdout) as Counts;
    console.log(JSON.stringify({ ...counts, packets: JSON.parse(packets.stdout).packets }));
    expect(counts.allowedMethod).toBe('');
    expect(counts.sane).toBe(true);
    expect(counts.messages).toBeGreaterThan(0);
    expect(counts.replayed).toBeGreaterThan(0);
    // A method that is never carried out is one whose code was not reached. On a machine that is too busy, few are.
    for (const [method, { calls: made, ok }] of Object.entries(counts.calls))
      if (made >= 100) expect(ok, `${method} was carried out`).toBeGreaterThan(0);
    expect(calls.exitCode).toBe(0);
    expect(packets.exitCode).toBe(0);
  });
});
