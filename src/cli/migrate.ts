// `roam migrate`
import type { Command } from 'commander';
import { type MigrateOptions, type MigrationReport, migrate, PHASES } from '../migrate/index.js';
import { amount, type InspectFlags, inspectFlags, inspectOptions } from './inspect-flags.js';
import { type MemoryFlags, memoryFlags, memoryOptions } from './memory-flags.js';
import { byteCount, fail, migrationProgress, printJson, seconds } from './output.js';

interface Flags extends InspectFlags, MemoryFlags {
  ipDev?: string;
  settleTimeout: number;
  readyTimeout: number;
  keepImages?: boolean;
  progress?: boolean;
}

const EXAMPLES = `
Examples:
  roam migrate pid:1234 --to b --ip 10.0.1.7/24
  roam migrate pid:1234 --to b --max-blackout 300ms --on-no-convergence go
`;

export function registerMigrate(program: Command): void {
  const command = program
    .command('migrate')
    .argument('<target>', 'what to move: pid:1234 (a process and its descendants)');
  memoryFlags(inspectFlags(command))
    .option(
      '--ip-dev <device>',
      "network device that takes it (default: that of the destination's rxe device)",
    )
    .option('--settle-timeout <seconds>', 'how long to wait for the peers to acknowledge Resume', amount, 30)
    .option('--ready-timeout <seconds>', 'how long a program may prepare that asked to be told', amount, 10)
    .option('--keep-images', 'keep images and logs on both hosts')
    .option('--progress', 'with --json: report each phase on stderr')
    .description('move a running process to another host while its RDMA and TCP peers stay connected')
    .addHelpText('after', EXAMPLES)
    .action(async (target: string, flags: Flags) => {
      const interrupted = new AbortController();
      const onSignal = () => interrupted.abort();
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
      const quiet = flags.json && !flags.progress;
      const progress = quiet
        ? undefined
        : await migrationProgress(flags.json ? process.stderr : process.stdout, PHASES);
      try {
        const report = await migrate(optionsOf(target, flags, interrupted.signal, progress?.onEvent));
        await progress?.done();
        if (flags.json) printJson(report);
        else process.stdout.write(`${summary(report)}\n`);
      } catch (error) {
        await progress?.done();
        fail(error, flags.json ?? false);
      } finally {
        for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, onSignal);
      }
    });
}

function optionsOf(
  target: string,
  flags: Flags,
  signal: AbortSignal,
  onEvent: MigrateOptions['onEvent'],
): MigrateOptions {
  return {
    ...inspectOptions(target, flags),
    ...memoryOptions(flags),
    ...(flags.ipDev ? { ipDevice: flags.ipDev } : {}),
    settleTimeoutMs: flags.settleTimeout * 1000,
    readyTimeoutMs: flags.readyTimeout * 1000,
    keepImages: flags.keepImages ?? false,
    signal,
    ...(onEvent ? { onEvent } : {}),
  };
}

/** What a person wants to know afterwards. */
export function summary(report: MigrationReport): string {
  const { qp, mr, cq } = report.objects;
  const lines = [
    `${report.comm} (pid ${report.pid}) moved from ${report.source} to ${report.destination}: frozen for ${seconds(report.frozenMs)}, ${byteCount(report.bytes)} sent`,
  ];
  if (report.address)
    lines.push(`address ${report.address.ip}: ${report.address.from} -> ${report.address.to}`);
  if (qp.length > 0) lines.push(`QPs ${qp.map(({ qpn }) => qpn).join(', ')}; ${cq} CQ${cq === 1 ? '' : 's'}`);
  if (mr.length > 0) {
    const hex = (key: number) => `0x${key.toString(16)}`;
    lines.push(`MRs ${mr.map(({ lkey, rkey }) => `${hex(lkey)}/${hex(rkey)}`).join(', ')} (lkey/rkey)`);
  }
  for (const { path, bytes, reason } of report.carried)
    lines.push(`carried ${path} (${byteCount(bytes)}, ${reason})`);
  for (const warning of report.warnings) lines.push(`warning: ${warning}`);
  return lines.join('\n');
}
