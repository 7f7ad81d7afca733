// `roam qps`: every QP of this host, with its verbs state and its migration state.
import type { Command } from 'commander';
import { RoamError } from '../errors.js';
import { rdmaLinks } from '../migrate/address.js';
import { readTask } from '../migrate/proc.js';
import { openRxe, type QpInfo } from '../rxe/index.js';
import { printJson, table } from './output.js';

export interface QpRow extends QpInfo {
  device: string;
  /** Name of the owner's program; the kernel's own QPs have none. */
  comm?: string;
}

/**
 * Every QP of the given device, or of all rxe devices of this host.
 *
 * @throws RoamError NO_RDMA_DEVICE, ROAM_UNSUPPORTED (the stock module)
 */
export async function listHostQps(device?: string): Promise<QpRow[]> {
  const links = (await rdmaLinks()).filter((link) => device === undefined || link.device === device);
  if (links.length === 0) {
    throw new RoamError(
      'NO_RDMA_DEVICE',
      device ? `there is no RDMA device ${device} here` : 'this host has no RDMA device',
      {
        remedy: 'rdma link add rxe0 type rxe netdev DEVICE',
      },
    );
  }
  const rows: QpRow[] = [];
  for (const link of links) {
    const rxe = openRxe(link.device);
    try {
      for (const qp of rxe.listQps()) {
        const task = qp.pid > 0 ? await readTask(qp.pid).catch(() => undefined) : undefined;
        rows.push({ device: link.device, ...qp, ...(task ? { comm: task.comm } : {}) });
      }
    } finally {
      rxe.close();
    }
  }
  return rows;
}

function render(rows: QpRow[]): string {
  if (rows.length === 0) return 'no QPs';
  return table(
    ['DEVICE', 'QPN', 'TYPE', 'STATE', 'MIGRATION', 'PEER QPN', 'PID', 'COMMAND', 'SGID', 'DGID'],
    rows.map((qp) => [
      qp.device,
      qp.qpn,
      qp.type,
      qp.state,
      qp.migrationState,
      qp.destQpn,
      qp.pid,
      qp.comm ?? '(kernel)',
      qp.sgid,
      qp.dgid,
    ]),
  );
}

async function change(action: 'stop' | 'resume', text: string, device: string | undefined): Promise<QpRow> {
  const qpn = Number(text);
  const row = (await listHostQps(device)).find((qp) => qp.qpn === qpn);
  if (!row) {
    throw new RoamError('NO_SUCH_QP', `there is no QP ${text} on this host`, { remedy: 'see `roam qps`' });
  }
  const rxe = openRxe(row.device);
  try {
    await rxe[action](qpn);
  } finally {
    rxe.close();
  }
  return (await listHostQps(row.device)).find((qp) => qp.qpn === qpn) ?? row;
}

export function registerQps(program: Command): void {
  const qps = program
    .command('qps')
    .option('--device <name>', 'only this RDMA device, e.g. rxe0')
    .option('--watch', 'show them live, until Ctrl-C')
    .option('--json', 'print JSON; with --watch a line for each change')
    .description('list every QP of this host with its migration state')
    .addHelpText(
      'after',
      '\nExamples:\n  roam qps --json\n  roam qps --watch\n  roam qps stop 17\n  roam qps resume 17\n',
    )
    .action(async (flags: { device?: string; json?: boolean; watch?: boolean }) => {
      if (flags.watch) {
        const { watch } = await import('./qps-watch.js');
        await watch(() => listHostQps(flags.device), render, flags.json ?? false);
        return;
      }
      const rows = await listHostQps(flags.device);
      if (flags.json) printJson(rows);
      else process.stdout.write(`${render(rows)}\n`);
    });
  for (const action of ['stop', 'resume'] as const) {
    qps
      .command(action)
      .argument('<qpn>', 'number of the QP')
      .option('--device <name>', 'RDMA device, where the number exists on several')
      .option('--json', 'print JSON')
      .description(
        action === 'stop'
          ? 'stop a QP: it sends nothing and tells its peer to wait'
          : 'let a stopped QP go on',
      )
      .addHelpText('after', `\nExample:\n  roam qps ${action} 17\n`)
      .action(async (qpn: string, _flags: unknown, command: Command) => {
        const { device, json } = command.optsWithGlobals<{ device?: string; json?: boolean }>();
        const row = await change(action, qpn, device);
        if (json) printJson(row);
        else process.stdout.write(`${render([row])}\n`);
      });
  }
}
