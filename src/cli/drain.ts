// `roam drain`
import type { Command } from 'commander';
import { isHere, readNodesFile } from '../fleet/hosts.js';
import { type DrainEvent, type DrainOptions, drain } from '../fleet/index.js';
import { seconds } from '../report/format.js';
import { drainText } from './fleet-text.js';
import { amount, append, type WayFlags, wayFlags, wayOptions } from './inspect-flags.js';
import { count, type MemoryFlags, memoryFlags, memoryOptions } from './memory-flags.js';
import { fail, printJson } from './output.js';
import { passOn } from './remote-drain.js';

interface Flags extends WayFlags, MemoryFlags {
  to?: string[];
  nodesFile?: string;
  ip?: string[];
  parallel: number;
  keepGoing?: boolean;
  dryRun?: boolean;
  syncBundles?: boolean;
  sync?: string[];
  copyImage?: boolean;
  tcpClose?: boolean;
  carryLimit: number;
  maxHold: number;
  untilEof?: boolean;
  json?: boolean;
}

const MIB = 1048576;

const EXAMPLES = `
Examples:
  roam drain --to b,c --dry-run         what would go where, and what cannot move
  roam drain --to b,c --parallel 2
  roam drain a --to b                   the same on host a, by ssh
  roam drain --to b --copy-image        images of Docker and Podman go along where they are missing
  roam drain                            to the other hosts of /etc/roam/nodes
`;

const commas = (text: string, before: string[] = []): string[] => [
  ...before,
  ...text.split(',').filter(Boolean),
];

export function registerDrain(program: Command): void {
  const command = program
    .command('drain')
    .argument('[host]', 'ssh name of the host that is to be empty (default: this one)')
    .option('--to <host,…>', 'where things may go, as --to of roam migrate (default: --nodes-file)', commas)
    .option('--nodes-file <file>', 'a file with one host a line (default: /etc/roam/nodes)')
    .option(
      '--ip <address/prefix,…>',
      "addresses that move with who uses them; auto: those that are not the host's own; none (default: auto)",
      commas,
    )
    .option('--parallel <n>', 'migrations at once', count, 1)
    .option('--keep-going', 'go on when something cannot move, or a migration fails')
    .option('--dry-run', 'only tell what would go where; nothing is stopped')
    .option('--sync-bundles', 'bring the bundles of containers along by rsync')
    .option('--sync <path>', 'a directory that rsync brings along with each of them (repeatable)', append)
    .option('--copy-image', 'of containers of Docker or Podman: bring images along that are missing there');
  memoryFlags(wayFlags(command))
    .option('--tcp-close', 'restore TCP connections as closed instead of moving them')
    .option('--carry-limit <MiB>', 'largest file that is copied along', amount, 64)
    .option('--max-hold <seconds>', 'how long peers are told to wait for who is on his way', amount, 60)
    .option('--until-eof', 'end, as by Ctrl-C, when standard input does')
    .option('--json', 'print the report as JSON')
    .description('move everything that uses RDMA off a host, each process tree and container by a migration')
    .addHelpText('after', EXAMPLES)
    .action(async (host: string | undefined, flags: Flags) => {
      const json = flags.json ?? false;
      const interrupted = new AbortController();
      const onSignal = () => interrupted.abort();
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
      if (flags.untilEof) process.stdin.on('end', onSignal).on('error', onSignal).resume();
      try {
        if (host !== undefined && !isHere(host)) {
          process.exitCode = await passOn(host, command, wayOptions(flags), interrupted.signal);
          return;
        }
        const to = flags.to ?? (await readNodesFile(flags.nodesFile)) ?? [];
        const options = { ...optionsOf(flags, to), signal: interrupted.signal };
        const report = await drain(json ? options : { ...options, onEvent: tellEvent });
        if (json) printJson(report);
        else process.stdout.write(`\n${drainText(report, flags.dryRun ?? false)}\n`);
        if (!report.ok) process.exitCode = 1;
      } catch (error) {
        fail(error, json);
      } finally {
        for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, onSignal);
        if (flags.untilEof) process.stdin.destroy();
      }
    });
}

function optionsOf(flags: Flags, to: string[]): DrainOptions {
  const { ip = ['auto'] } = flags;
  const [first] = ip;
  return {
    ...wayOptions(flags),
    ...memoryOptions(flags),
    to,
    ip: first === 'auto' || first === 'none' ? first : ip,
    parallel: flags.parallel,
    keepGoing: flags.keepGoing ?? false,
    dryRun: flags.dryRun ?? false,
    syncBundles: flags.syncBundles ?? false,
    sync: flags.sync ?? [],
    copyImage: flags.copyImage ?? false,
    tcpClose: flags.tcpClose ?? false,
    carryLimit: flags.carryLimit * MIB,
    maxHoldMs: flags.maxHold * 1000,
  };
}

/** A line for each thing that happens: several migrations may be under way. */
function tellEvent(event: DrainEvent): void {
  const line = eventLine(event);
  if (line) process.stdout.write(`${line}\n`);
}

export function eventLine(event: DrainEvent): string | undefined {
  switch (event.type) {
    case 'asking':
      return `asking ${event.hosts.join(', ')} …`;
    case 'found':
      return event.units.length === 0
        ? undefined
        : `found ${event.units.map(({ target, comm }) => `${target} (${comm})`).join(', ')}; looking where each can go …`;
    case 'planned':
      return event.to
        ? `${event.target}  can go to ${event.to}${event.ip ? ` with ${event.ip}` : ''}`
        : `${event.target}  cannot move: ${event.reason}`;
    case 'begin':
      return `${event.target}  ${event.comm} goes to ${event.to}${event.ip ? ` with ${event.ip}` : ''}`;
    case 'progress': {
      const { target, event: step } = event;
      if (step.type === 'end' && step.phase !== 'cleanup')
        return `${target}  ${step.phase.padEnd(9)} ${seconds(step.ms)}${step.detail ? `  (${step.detail})` : ''}`;
      if (step.type === 'fail')
        return `${target}  ${step.phase.padEnd(9)} failed after ${seconds(step.ms)}: ${step.message}`;
      return step.type === 'warning' ? `${target}  warning: ${step.message}` : undefined;
    }
    case 'end':
      return event.unit.result === 'moved'
        ? `${event.unit.target}  runs on ${event.unit.to}, frozen ${seconds(event.unit.report?.frozenMs ?? 0)}`
        : undefined;
    default:
      return undefined;
  }
}
