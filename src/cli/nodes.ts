// `roam nodes`
import { hostname } from 'node:os';
import type { Command } from 'commander';
import { readNodesFile } from '../fleet/hosts.js';
import { assignRanges, nodes } from '../fleet/index.js';
import { assignText, nodesText } from './fleet-text.js';
import { type WayFlags, wayFlags, wayOptions } from './inspect-flags.js';
import { count } from './memory-flags.js';
import { fail, printJson } from './output.js';

interface Flags extends WayFlags {
  nodesFile?: string;
  assignRanges?: boolean;
  slots?: number;
  anew?: boolean;
  dryRun?: boolean;
  json?: boolean;
}

const EXAMPLES = `
Examples:
  roam nodes a b c                      hosts by their names for ssh, or tls://HOST:PORT
  roam nodes                            those of /etc/roam/nodes (one a line), or this host
  roam nodes --assign-ranges a b c      no two hosts give the same number to new QPs and MRs
`;

export function registerNodes(program: Command): void {
  const command = program
    .command('nodes')
    .argument('[host...]', 'hosts as --to of roam migrate takes them; this one is asked without ssh')
    .option('--nodes-file <file>', 'a file with one host a line (default: /etc/roam/nodes)')
    .option('--assign-ranges', 'give each host a range of its own for the numbers of RDMA objects, for good')
    .option('--slots <n>', 'with --assign-ranges: how many hosts the fleet may have (default: 16)', count)
    .option('--anew', 'with --assign-ranges: also where there is a range')
    .option('--dry-run', 'with --assign-ranges: only tell what would be given');
  wayFlags(command)
    .option('--json', 'print JSON')
    .description('the hosts of a fleet: devices, versions, what is left, and what could leave them')
    .addHelpText('after', EXAMPLES)
    .action(async (named: string[], flags: Flags) => {
      const json = flags.json ?? false;
      try {
        const hosts = [
          ...new Set(named.length > 0 ? named : ((await readNodesFile(flags.nodesFile)) ?? [hostname()])),
        ];
        const way = wayOptions(flags);
        if (flags.assignRanges) {
          const { slots, anew = false, dryRun = false } = flags;
          const report = await assignRanges(hosts, {
            ...way,
            anew,
            dryRun,
            ...(slots === undefined ? {} : { slots }),
          });
          if (json) printJson(report);
          else process.stdout.write(`${assignText(report)}\n`);
          return;
        }
        const found = await nodes(hosts, way);
        const ok = found.every((node) => node.ok);
        if (json) printJson({ ok, nodes: found });
        else process.stdout.write(`${nodesText(found)}\n`);
        if (!ok) process.exitCode = 1;
      } catch (error) {
        fail(error, json);
      }
    });
}
