// `roam perf` against Debian's perftest with more options, and against itself.
import { describe, expect, it } from 'vitest';
import { useSweptLab } from '../support/hooks.js';
import { FAST_LINK } from '../support/pace.js';
import { agrees, type PerfCase, ROLES, runPair, titled } from '../support/perf.js';

const N = ['-n', '200'];
const cases: PerfCase[] = [
  { test: 'send_bw', args: [...N, '-s', '4096'] },
  { test: 'send_bw', args: [...N, '-s', '1024', '-e'], title: 'with events' },
  { test: 'send_bw', args: [...N, '-s', '512', '-c', 'UD'], title: 'on UD' },
  { test: 'send_bw', args: [...N, '-s', '512', '-c', 'UC'], title: 'on UC' },
  {
    test: 'write_bw',
    args: [...N, '-s', '64', '-b', '-q', '2'],
    iterations: 400,
    title: 'both ways on 2 QPs',
  },
  { test: 'read_bw', args: [...N, '-s', '8192'] },
  { test: 'atomic_bw', args: [...N, '-A', 'CMP_AND_SWAP', '-b'], title: 'compare and swap, both ways' },
  { test: 'send_lat', args: [...N, '-e', '-s', '256'], title: 'with events' },
];

describe('roam perf', () => {
  useSweptLab(FAST_LINK);

  describe.each(ROLES)('%s', (_, server, client) => {
    it.each(titled(cases))('%s', (_, one) => agrees(server, client, one));
  });

  it('against itself, all sizes, as JSON', async () => {
    const flags = ['-d', 'rxe0', '-a', '-n', '5', '--json'];
    const said = await runPair(['roam', 'perf', 'send_bw', ...flags], ['roam', 'perf', 'send_bw', ...flags]);
    const result = JSON.parse(said.client);
    expect(result).toMatchObject({
      ok: true,
      role: 'client',
      test: 'send_bw',
      device: 'rxe0',
      iterations: 5,
    });
    expect(result.rows.map(({ size }: { size: number }) => size)).toEqual(
      Array.from({ length: 23 }, (_, index) => 2 ** (index + 1)),
    );
  });

  it.each(['write_lat', 'send_lat', 'read_bw'])('%s against itself', async (test) => {
    const flags = ['-d', 'rxe0', '-n', '50', '--json'];
    const said = await runPair(['roam', 'perf', test, ...flags], ['roam', 'perf', test, ...flags]);
    expect(JSON.parse(said.client)).toMatchObject({ ok: true, test, rows: [{ iterations: 50 }] });
  });
});
