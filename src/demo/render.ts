// The result of the demo for people.
import { limitOf } from '../report/blackout.js';
import { byteCount, seconds } from '../report/format.js';
import { objectLines, phaseTable } from '../report/text.js';
import type { DemoReport } from './types.js';

const indent = (text: string): string =>
  text
    .split('\n')
    .map((line) => `  | ${line}`)
    .join('\n');

export function renderDemo(report: DemoReport): string {
  const { migration, workload, versions, outputs } = report;
  const end = (name: string, { completed, exitCode }: { completed: number; exitCode: number }) =>
    `${name}: ${completed} of ${workload.iterations} iterations, exit code ${exitCode}`;
  return [
    '',
    `server (started on ${migration.from}, ended on ${migration.to}):`,
    indent(outputs.server),
    'client (peer):',
    indent(outputs.client),
    '',
    phaseTable(migration),
    '',
    `blackout     ${seconds(migration.blackoutMs)} without a completion at the peer (sampled to within ${migration.resolutionMs} ms)`,
    `frozen       ${seconds(migration.frozenMs)}`,
    `limited by   ${limitOf(migration)}`,
    `bytes moved  ${byteCount(migration.bytes)}`,
    ...objectLines(migration),
    `versions     Linux ${versions.kernel}, CRIU ${versions.criu}, rdma-core ${versions.rdmaCore ?? '?'}, rdma_rxe ${versions.module ?? '?'}`,
    ...migration.warnings.map((warning) => `warning      ${warning}`),
    '',
    end('server', workload.server),
    end('client', workload.client),
    report.ok
      ? 'both ends finished every iteration as if nothing had happened'
      : 'FAILED: not every iteration was finished without an error',
  ].join('\n');
}
