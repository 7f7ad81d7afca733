import { describe, expect, it } from 'vitest';
import { checkText } from '../../../src/cli/check.js';
import type { CheckReport } from '../../../src/migrate/index.js';

const versions = { kernel: '6.12.1', criu: '4.1', roam: '0.1.0', module: '0.1.0' };
const report: CheckReport = {
  ok: true,
  target: 'pid:17',
  pid: 17,
  pids: [17],
  comm: 'ib_send_bw',
  source: 'a',
  destination: 'b',
  findings: [],
  memory: 3 * 1048576,
  contexts: 1,
  qpns: [4098],
  connections: 1,
  carried: [],
  versions: { source: versions, destination: { ...versions, module: undefined } },
};

describe('roam check', () => {
  it('says what would move, and between which hosts', () => {
    expect(checkText(report).split('\n')).toEqual([
      'ib_send_bw (pid 17): 1 process, 3.0 MiB of memory, 1 QP, 1 TCP connection',
      '        a       b',
      'kernel  6.12.1  6.12.1',
      'CRIU    4.1     4.1',
      'roam    0.1.0   0.1.0',
      'module  0.1.0   -',
      'nothing stands in the way',
    ]);
  });

  it('names every reason, with its host and remedy', () => {
    const findings = [
      { host: 'b', message: 'the loaded rdma_rxe cannot migrate', remedy: 'load the rdma_rxe of roam-rdma' },
      { host: 'a', message: 'no way' },
    ];
    expect(checkText({ ...report, ok: false, findings })).toContain(
      '2 reasons not to begin:\n  b: the loaded rdma_rxe cannot migrate\n    -> load the rdma_rxe of roam-rdma\n  a: no way',
    );
  });
});
