// `roam migrate`
import type { Command } from 'commander';
import { type MigrateOptions, type MigrationReport, migrate, PHASES } from '../migrate/index.js';
import { byteCount, fail, migrationProgress, printJson, seconds } from './output.js';

interface Flags {
  to: string;
  ip?: string;
  ipDev?: string;
  ssh: string;
  remoteRoam: string;
  criu: string;
  tcpClose?: boolean;
  carryLimit: string;
  settleTimeout: string;
  readyTimeout: string;
  keepImages?: boolean;
  json?: boolean;
  progress?: boolean;
}

const words = (text: string): string[] => text.split(' ').filter(Boolean);

export function registerMigrate(program: Command): void {
  program
    .command('migrate')
    .argument('<target>', 'what to move: pid:1234 (a process and its descendants)')
    .requiredOption('--to <host>', 'ssh destination; its user must be root')
    .option('--ip <address/prefix>', 'an address that moves with the process')
    .option(
      '--ip-dev <device>',
      "network device that takes it (default: that of the destination's rxe device)",
    )
    .option('--tcp-close', 'restore TCP connections as closed instead of moving them')
    .option('--carry-limit <MiB>', 'largest file that is copied along', '64')
    .option('--settle-timeout <seconds>', 'how long to wait for the peers to acknowledge Resume', '30')
    .option('--ready-timeout <seconds>', 'how long a program may prepare that asked to be told', '10')
    .option('--ssh <command>', 'ssh command with its options', 'ssh')
    .option('--remote-roam <command>', 'roam at the destination', 'roam')
    .option('--criu <path>', 'criu binary on both hosts', 'criu')
    .option('--keep-images', 'keep images and logs on both hosts')
    .option('--json', 'print the report as JSON')
    .option('--progress', 'with --json: report each phase on stderr')
    .description('move a running process to another host while its RDMA and TCP peers stay connected')
    .addHelpText('after', '\nExample:\n  roam migrate pid:1234 --to b --ip 10.0.1.7/24\n')
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
    target,
    to: flags.to,
    ...(flags.ip ? { ip: flags.ip } : {}),
    ...(flags.ipDev ? { ipDevice: flags.ipDev } : {}),
    ssh: words(flags.ssh),
    remoteRoam: words(flags.remoteRoam),
    criu: flags.criu,
    tcpClose: flags.tcpClose ?? false,
    carryLimit: Number(flags.carryLimit) * 1048576,
    settleTimeoutMs: Number(flags.settleTimeout) * 1000,
    readyTimeoutMs: Number(flags.readyTimeout) * 1000,
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
