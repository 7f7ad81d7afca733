import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { registerDrain } from '../../../src/cli/drain.js';
import { drainText, nodesText } from '../../../src/cli/fleet-text.js';
import { withoutOperand } from '../../../src/cli/remote-drain.js';
import { parseNodesFile } from '../../../src/fleet/hosts.js';
import type { DrainReport, FleetNode } from '../../../src/fleet/index.js';
import { slotRanges } from '../../../src/fleet/slots.js';
import { host } from '../migrate/facts.js';

describe('hosts of a fleet', () => {
  it('are one a line', () => {
    expect(parseNodesFile('# fleet\na\n\n b  # rack 2\ntls://c:7411\na\n')).toEqual([
      'a',
      'b',
      'tls://c:7411',
    ]);
  });

  it('are told with what they have left and what could leave them, or why they are not known', () => {
    const found: FleetNode[] = [
      {
        host: 'a',
        ok: true,
        facts: {
          ...host('a', '10.77.0.1', {
            ranges: slotRanges(0, 16),
            qpns: [{ device: 'rxe0', qpn: 16, pid: 7 }],
          }),
          memoryTotal: 2 * 2 ** 30,
          cpus: 2,
          load: 0.5,
          hostAddresses: [],
          movables: [
            {
              target: 'runc:db',
              pid: 7,
              comm: 'db',
              pids: [7, 8],
              memory: 1048576,
              devices: ['rxe0'],
              qpns: [16],
              mrns: [1],
              peers: ['10.0.1.8'],
              floating: ['10.0.1.7/24'],
            },
          ],
        },
      },
      {
        host: 'c',
        ok: false,
        error: { code: 'SSH_FAILED', message: 'ssh to c failed: no', remedy: 'make it work' },
      },
    ];
    expect(nodesText(found).split('\n')).toEqual([
      'HOST  DEVICES       STATE  MEMORY FREE         LOAD       QPS            MOVABLE  KERNEL  MODULE  CRIU   ROAM',
      'a     rxe0 on eth0  ready  1.0 GiB of 2.0 GiB  0.50 of 2  1, 65534 free        1  6.12.1  0.1.0   4.1.1  0.1.0',
      '',
      'HOST  QPNS      MR KEYS  MW KEYS        SRQS           AHS',
      'a     16-65550  1-32768  524289-557056  131073-188416  1-2047',
      '',
      'HOST  WHAT     PROGRAM  PROCESSES  MEMORY   QPNS  PEERS     MOVES WITH',
      'a     runc:db  db               2  1.0 MiB  16    10.0.1.8  10.0.1.7/24',
      '',
      'c: ssh to c failed: no',
      '  -> make it work',
    ]);
  });
});

describe('roam drain', () => {
  it('says what stayed and why', () => {
    const common = { comm: 'app', pids: [1], memory: 1048576, qpns: [17], pid: 1 };
    const report: DrainReport = {
      ok: false,
      host: 'a',
      ms: 1500,
      unreachable: [],
      units: [
        {
          ...common,
          target: 'pid:1',
          result: 'failed',
          where: 'source',
          to: 'b',
          reason: 'restore: no',
          remedy: 'look',
        },
        {
          ...common,
          target: 'pid:2',
          result: 'not begun',
          where: 'source',
          to: 'b',
          reason: 'the migration of pid:1 failed',
        },
      ],
    };
    expect(drainText(report, false).split('\n')).toEqual([
      'WHAT   PROGRAM  MEMORY   QPS  TO  ADDRESS            RESULT',
      "pid:1  app      1.0 MiB    1  b   the destination's  failed, and runs here",
      "pid:2  app      1.0 MiB    1  b   the destination's  stays, not begun",
      'pid:1: restore: no',
      '  -> look',
      'pid:2: the migration of pid:1 failed',
      'a is not empty: 0 of 2 moved in 1.50 s',
    ]);
  });

  it('is passed on with its options and without the host', () => {
    const program = new Command();
    registerDrain(program);
    const options = program.commands[0]?.options ?? [];
    expect(withoutOperand(['--to', 'b', 'a', '--parallel', '2'], options)).toEqual([
      '--to',
      'b',
      '--parallel',
      '2',
    ]);
    expect(withoutOperand(['a', '--keep-going', '--to=a'], options)).toEqual(['--keep-going', '--to=a']);
  });
});
