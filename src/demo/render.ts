// The result of the demo for people.
import { byteCount, seconds, table } from '../cli/output.js';
import type { DemoReport } from './types.js';

const hex = (key: number): string => `0x${key.toString(16)}`;

const indent = (text: string): string =>
  text
    .split('\n')
    .map((line) => `  | ${line}`)
    .join('\n');

export function renderDemo(report: DemoReport): string {
  const { migration, workload, versions, outputs } = report;
  const { qp, mr, cq } = migration.objects;
  const end = (name: string, { completed, exitCode }: { completed: number; exitCode: number }) =>
    `${name}: ${completed} of ${workload.iterations} iterations, exit code ${exitCode}`;
  return [
    '',
    `server (started on ${migration.from}, ended on ${migration.to}):`,
    indent(outputs.server),
    'client (peer):',
    indent(outputs.client),
    '',
    table(
      ['PHASE', 'TIME'],
      migration.phases.map(({ name, ms }) => [name, seconds(ms)]),
    ),
    '',
    `blackout     ${seconds(migration.blackoutMs)} without a completion at the peer (sampled to within ${migration.resolutionMs} ms)`,
    `frozen       ${seconds(migration.frozenMs)}`,
    `bytes moved  ${byteCount(migration.bytes)}`,
    `QPs          ${qp.map(({ qpn, destQpn }) => `${qpn} (peer ${destQpn})`).join(', ')}`,
    `MRs          ${mr.map(({ lkey, rkey }) => `lkey ${hex(lkey)} rkey ${hex(rkey)}`).join(', ')}`,
    `CQs          ${cq}`,
    ...(migration.address
      ? [`address      ${migration.address.ip}: ${migration.address.from} -> ${migration.address.to}`]
      : []),
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
