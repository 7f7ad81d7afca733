import { describe, expect, it } from 'vitest';
import { checkText } from '../../../src/cli/check.js';
import type { CheckReport, Finding } from '../../../src/migrate/index.js';

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
  peers: [],
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

  it('names every finding, with its host, code and remedy, and counts the errors', () => {
    const findings: Finding[] = [
      {
        severity: 'error',
        code: 'MODULE_STOCK',
        host: 'b',
        message: 'the loaded rdma_rxe cannot migrate',
        remedy: 'load the rdma_rxe of roam-rdma',
      },
      { severity: 'info', code: 'CGROUP_STAYS', host: 'a', message: 'no way' },
    ];
    expect(
      checkText({ ...report, ok: false, findings })
        .split('\n')
        .slice(6),
    ).toEqual([
      '',
      'SEVERITY  HOST  CODE          WHAT',
      'error     b     MODULE_STOCK  the loaded rdma_rxe cannot migrate',
      '                              -> load the rdma_rxe of roam-rdma',
      'info      a     CGROUP_STAYS  no way',
      '',
      '1 reason not to begin',
    ]);
    expect(checkText({ ...report, findings: findings.slice(1) })).toMatch(/\n\nnothing stands in the way$/);
  });
});
