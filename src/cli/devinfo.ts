// `roam devinfo`: the RDMA devices of this host.
import type { Command } from 'commander';
import { RoamError } from '../errors.js';
import type { DeviceAttributes } from '../verbs/device-attributes.js';
import type { DeviceInfo } from '../verbs/devices.js';
import { listDevices, open } from '../verbs/index.js';
import { printJson, table } from './output.js';

type Described = DeviceInfo & { attributes?: DeviceAttributes };

async function describe(info: DeviceInfo): Promise<Described> {
  if (info.problem !== undefined) return info;
  const context = open(info.name);
  try {
    return { ...info, attributes: context.query() };
  } finally {
    await context.close();
  }
}

function render({ name, uverbs, ports, gids, problem, attributes }: Described): string {
  const lines = [`${name}  (/dev/infiniband/${uverbs})`];
  if (problem !== undefined) lines.push(`  cannot be opened: ${problem}`);
  for (const { port, state, mtu, linkLayer } of ports) {
    lines.push(`  port ${port}: ${state}, ${linkLayer}, MTU ${mtu} bytes`);
  }
  if (attributes !== undefined) {
    const { maxQp, maxQpWr, maxSge, maxCq, maxCqe, maxMr, maxMrSize, maxQpRdAtom, maxSrq } = attributes;
    lines.push(
      `  up to ${maxQp} QPs of ${maxQpWr} requests and ${maxSge} SGEs, ${maxQpRdAtom} READs outstanding`,
      `  up to ${maxCq} CQs of ${maxCqe}, ${maxSrq} SRQs, ${maxMr} MRs of ${maxMrSize} bytes`,
    );
  }
  if (gids.length > 0) {
    const rows = gids.map(({ port, index, gid, type, netdev }) => [port, index, gid, type, netdev ?? '']);
    lines.push(
      ...table(['PORT', 'INDEX', 'GID', 'TYPE', 'NETDEV'], rows)
        .split('\n')
        .map((line) => `  ${line}`),
    );
  }
  return lines.join('\n');
}

export function registerDevinfo(program: Command): void {
  program
    .command('devinfo')
    .argument('[device]', 'only this RDMA device, e.g. rxe0')
    .option('--json', 'print JSON')
    .description('the RDMA devices of this host: ports, GIDs, limits')
    .addHelpText('after', '\nExample:\n  roam devinfo rxe0\n')
    .action(async (device: string | undefined, { json }: { json?: boolean }) => {
      const found = listDevices().filter(({ name }) => device === undefined || name === device);
      if (found.length === 0) {
        throw new RoamError(
          'NO_RDMA_DEVICE',
          device === undefined ? 'this host has no RDMA device' : `there is no RDMA device ${device} here`,
          { remedy: 'rdma link add rxe0 type rxe netdev DEVICE' },
        );
      }
      const all = await Promise.all(found.map(describe));
      if (json)
        printJson(
          JSON.parse(JSON.stringify(all, (_, value) => (typeof value === 'bigint' ? `${value}` : value))),
        );
      else process.stdout.write(`${all.map(render).join('\n\n')}\n`);
    });
}
