import { describe, expect, it } from 'vitest';
import type { MigrationReport } from '../../../src/migrate/types.js';
import { ticksOf } from '../../../src/report/axis.js';
import { limitOf, sharesOf } from '../../../src/report/blackout.js';
import { ratesOf } from '../../../src/report/charts.js';
import { html } from '../../../src/report/html.js';
import { outcomeText, reportPage } from '../../../src/report/index.js';
import type { FailedOutcome } from '../../../src/report/types.js';

const versions = { kernel: '6.12.1', criu: '4.1', roam: '0.1.0' };
const moved: MigrationReport = {
  ok: true,
  startedAt: '2026-11-22T05:20:34.580Z',
  target: 'pid:17',
  pid: 17,
  pids: [17],
  comm: 'server',
  source: 'a',
  destination: 'b',
  phases: [
    { name: 'dump', host: 'source', startMs: 900, ms: 300 },
    { name: 'transfer', host: 'source', startMs: 1200, ms: 500 },
    { name: 'commit', host: 'source', startMs: 1800, ms: 100 },
    { name: 'resume', host: 'destination', startMs: 1900, ms: 101.5 },
  ],
  frozenAtMs: 1000,
  frozenMs: 1000,
  bytes: 10 * 1048576,
  wire: { channel: 'ssh', asked: 'none', used: 'none', bytes: 0, wireBytes: 0, compressedBytes: 0 },
  carried: [],
  restartedCalls: [],
  objects: { qp: [{ qpn: 4098, destQpn: 12290 }], mr: [{ lkey: 256, rkey: 257 }], cq: 2, contexts: 1 },
  versions: { source: versions, destination: versions },
  warnings: ['slow'],
};

const failed: FailedOutcome = {
  ...moved,
  ok: false,
  committed: false,
  undone: [{ what: 'taking the address back' }, { what: 'closing', failure: 'no' }],
  error: { code: 'X', message: 'why', phase: 'transfer', host: 'b', remedy: 'wait' },
};

describe('the blackout', () => {
  it('is divided among its phases, what lies outside of it left out', () => {
    expect(sharesOf(moved).map(({ phase, ms }) => [phase, ms])).toEqual([
      ['transfer', 500],
      ['dump', 200],
      ['commit', 100],
      ['resume', 100],
      ['in between', 100],
    ]);
    expect(limitOf(moved)).toBe(
      'transfer took 500 ms of 1.00 s (50 %), sending images and files (10.0 MiB were sent in the freeze)',
    );
    expect(limitOf({ ...moved, frozenMs: 0 })).toBeUndefined();
  });
});

describe('a report on a terminal', () => {
  it('has phases, blackout, bytes, objects and warnings', () => {
    expect(outcomeText(moved).split('\n')).toEqual([
      'server (pid 17) moved from a to b',
      '',
      'PHASE     HOST  START   TIME    FROZEN',
      'dump      a     900 ms  300 ms  200 ms  20 %',
      'transfer  a     1.20 s  500 ms  500 ms  50 %',
      'commit    a     1.80 s  100 ms  100 ms  10 %',
      'resume    b     1.90 s  102 ms  100 ms  10 %',
      '',
      'blackout     1.00 s from the freeze until the tasks ran again',
      'limited by   transfer took 500 ms of 1.00 s (50 %), sending images and files (10.0 MiB were sent in the freeze)',
      'bytes sent   10.0 MiB in the freeze',
      'QPs          4098 (peer 12290)',
      'MRs          lkey 0x100 rkey 0x101',
      'CQs          2',
      'warning      slow',
    ]);
  });

  it('names a few of many objects', () => {
    const qp = Array.from({ length: 256 }, (_, i) => ({ qpn: 100 + i, destQpn: 900 + i }));
    expect(outcomeText({ ...moved, objects: { qp, mr: [], cq: 0, contexts: 1 } as never })).toContain(
      'QPs          256: 100 (peer 900), 101 (peer 901), 102 (peer 902), 103 (peer 903), …\n',
    );
  });

  it('has the rounds of pre-copy', () => {
    const rounds = [{ round: 1, ms: 2000, bytes: 2048, pages: 7, unchanged: 3, rate: 1024, dirtyRate: 2.4 }];
    expect(outcomeText({ ...moved, rounds })).toContain(
      'ROUND  TIME    SENT     PAGES  UNCHANGED  RATE       DIRTIED    PREDICTED\n    1  2.00 s  2.0 KiB      7          3  1.0 KiB/s  2 pages/s  -',
    );
  });

  it('tells how it crossed the link', () => {
    const wire = {
      channel: 'ssh' as const,
      asked: 'auto' as const,
      used: 'mixed' as const,
      bytes: 3145728,
      wireBytes: 1572864,
      compressedBytes: 2097152,
      linkRate: 1048576,
      compressRate: 104857600,
      ratio: 0.25,
    };
    expect(outcomeText({ ...moved, wire })).toContain(
      'on the wire  3.0 MiB as 1.5 MiB over ssh, of which 2.0 MiB compressed by zstd: the link took 1.0 MiB/s, zstd 100.0 MiB/s and left 25 %',
    );
    expect(outcomeText({ ...moved, wire: { ...wire, used: 'none', unable: 'no library' } })).toContain(
      'on the wire  3.0 MiB as 1.5 MiB over ssh, not compressed: no library',
    );
    expect(String(reportPage({ ...moved, wire }))).toContain('3.0 MiB as 1.5 MiB over ssh');
  });

  it('has the memory that came later', () => {
    const postCopy = { kept: 256, pages: 256, bytes: 1054720, ms: 2500 };
    expect(outcomeText({ ...moved, postCopy })).toContain(
      '\npost-copy    1.0 MiB in 2.50 s after the tasks ran again\n',
    );
    expect(reportPage({ ...moved, postCopy })).toContain('1.0 MiB in 2.50 s');
  });

  it('names the directories that were kept, of a failure too', () => {
    const images = { source: '/dev/shm/roam-1', destination: '/run/roam-1' };
    const line = 'images       a:/dev/shm/roam-1, b:/run/roam-1';
    for (const outcome of [moved, failed]) {
      expect(outcomeText({ ...outcome, images })).toContain(line);
      expect(reportPage({ ...outcome, images })).toContain('Images kept: a:/dev/shm/roam-1, b:/run/roam-1.');
    }
  });

  it('tells what was undone', () => {
    expect(outcomeText(failed)).toContain(
      'undone       taking the address back\nundone       closing: failed: no',
    );
  });
});

describe('the page', () => {
  it('escapes text, also in attributes, and keeps markup', () => {
    expect(html`<i title="${`"'<>&`}">${html`<b>${['<', 1, undefined, false]}</b>`}</i>`.toString()).toBe(
      '<i title="&quot;&#39;&lt;&gt;&amp;"><b>&lt;1</b></i>',
    );
  });

  it('says of a failure before the commit that the process stayed, and of a later one that it did not', () => {
    expect(reportPage(failed)).toContain('the process stays on a');
    expect(reportPage({ ...failed, committed: true })).toContain('the process belongs to b');
    expect(reportPage(moved)).not.toContain('What went wrong');
  });

  it('says of a process that was lost that it is nowhere', () => {
    const error = { ...failed.error, phase: 'post-copy', code: 'PROCESS_LOST' };
    expect(reportPage({ ...failed, committed: true, error })).toContain('the process is lost');
  });

  it('lists the findings that kept a migration from beginning', () => {
    const findings = [
      { severity: 'error' as const, code: 'SAME_HOST', host: 'b', message: 'it is the same' },
    ];
    const page = reportPage({ ...failed, frozenMs: 0, error: { ...failed.error, findings } });
    expect(page).toContain('1 reason not to begin; nothing was stopped:');
    expect(page).toContain('it is the same <code>SAME_HOST</code>');
    expect(page).toContain('<dt>frozen</dt><dd>never</dd>');
  });

  it('divides time in round steps', () => {
    expect(ticksOf({ from: 0, to: 17_080 })).toEqual([0, 5000, 10000, 15000]);
    expect(ticksOf({ from: -700, to: 650 })).toEqual([-600, -400, -200, 0, 200, 400, 600].map((t) => t + 0));
    expect(ticksOf({ from: 5, to: 5 })).toEqual([5]);
  });

  it('shows the rate around the blackout alone', () => {
    const samples = [0, 1000, 20_000, 20_500, 40_000].map((t, i) => ({ t, received: i * 10 }));
    const blackout = { from: 20_100, to: 20_400, ms: 300, resolutionMs: 20 };
    expect(ratesOf({ host: 'c', samples, blackout, messageSize: 2 })).toEqual([
      { from: 1000, to: 20_000, rate: 20 / 19 },
      { from: 20_000, to: 20_500, rate: 40 },
      { from: 20_500, to: 40_000, rate: 20 / 19.5 },
    ]);
  });
});
