// `roam check`
import type { Command } from 'commander';
import { type CheckReport, check } from '../migrate/index.js';
import { count } from '../report/format.js';
import { type InspectFlags, inspectFlags, inspectOptions } from './inspect-flags.js';
import { byteCount, fail, findingTable, printJson, table } from './output.js';

export function registerCheck(program: Command): void {
  const command = program
    .command('check')
    .argument(
      '<target>',
      'what would move: pid:1234 (a process and its descendants), runc:NAME, crun:NAME, docker:NAME or podman:NAME (a container)',
    );
  inspectFlags(command)
    .description('tell every reason why a migration would be refused (exit code 1); nothing is stopped')
    .addHelpText(
      'after',
      '\nExamples:\n  roam check pid:1234 --to b --ip 10.0.1.7/24\n  roam check pid:1234 --to b --peer c\n',
    )
    .action(async (target: string, flags: InspectFlags) => {
      try {
        const report = await check(inspectOptions(target, flags));
        if (flags.json) printJson(report);
        else process.stdout.write(`${checkText(report)}\n`);
        if (!report.ok) process.exitCode = 1;
      } catch (error) {
        fail(error, flags.json ?? false);
      }
    });
}

/** What a person wants to know before. */
export function checkText(report: CheckReport): string {
  const { source, destination, versions } = report;
  const both = (what: (of: CheckReport['versions']['source']) => string | undefined) => [
    what(versions.source) ?? '-',
    what(versions.destination) ?? '-',
  ];
  const rows = [
    ['kernel', ...both(({ kernel }) => kernel)],
    ['CRIU', ...both(({ criu }) => criu)],
    ['roam', ...both(({ roam }) => roam)],
    ['module', ...both(({ module }) => module)],
  ];
  const carried = report.carried.length > 0 ? `; ${report.carried.length} files would be carried along` : '';
  const lines = [
    `${report.comm} (pid ${report.pid}): ${count(report.pids.length, 'process', 'processes')}, ${byteCount(report.memory)} of memory, ${count(report.qpns.length, 'QP')}, ${count(report.connections, 'TCP connection')}${carried}`,
    table(['', source, destination], rows),
  ];
  const { findings } = report;
  if (findings.length > 0) lines.push('', findingTable(findings), '');
  const errors = findings.filter(({ severity }) => severity === 'error').length;
  lines.push(errors === 0 ? 'nothing stands in the way' : `${count(errors, 'reason')} not to begin`);
  return lines.join('\n');
}
