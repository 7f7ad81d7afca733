// `roam perf` against Debian's perftest, in both roles; every test once.
import { describe, expect, it } from 'vitest';
import { useSweptLab } from './support/hooks.js';
import { node } from './support/lab.js';
import { FAST_LINK } from './support/pace.js';
import { agrees, type PerfCase, ROLES, rowOf, runPair, titled } from './support/perf.js';

const N = ['-n', '200'];
const cases: PerfCase[] = [
  {
    test: 'send_bw',
    args: [...N, '-s', '512', '-b', '-q', '4'],
    iterations: 800,
    title: 'both ways on 4 QPs',
  },
  { test: 'write_bw', args: [...N, '-s', '65536'] },
  { test: 'read_bw', args: [...N, '-s', '1024', '-b', '-e'], title: 'both ways with events' },
  { test: 'atomic_bw', args: N },
  { test: 'send_lat', args: N },
  { test: 'write_lat', args: N },
  { test: 'read_lat', args: N },
];

describe('roam perf', () => {
  useSweptLab(FAST_LINK);

  describe.each(ROLES)('%s', (_, server, client) => {
    it.each(titled(cases))('%s', (_, one) => agrees(server, client, one));
  });

  it('for a duration', async () => {
    const flags = ['-d', 'rxe0', '-F', '-D', '4'];
    const said = await runPair(['roam', 'perf', 'send_bw', ...flags], ['ib_send_bw', ...flags]);
    expect(Number(rowOf(said.server)[1])).toBeGreaterThan(0);
  });

  it('says what is wrong with a peer of another kind', async () => {
    const { exitCode, stderr } = await (await node('c')).exec(['roam', 'perf', 'send_bw', '-p', '22', 'a'], {
      reject: false,
    });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/roam: .*(the peer's version is|the peer closed)/);
  });
});
