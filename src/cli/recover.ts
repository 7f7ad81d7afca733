// `roam recover`
import type { Command } from 'commander';
import { type RecoverReport, recover } from '../migrate/index.js';
import { recoverUntilDone } from '../migrate/recover.js';
import { fail, printJson, table } from './output.js';

interface Flags {
  assumeSourceDead?: boolean;
  dryRun?: boolean;
  background?: boolean;
  json?: boolean;
}

const BACKGROUND_MS = 600_000;

export function registerRecover(program: Command): void {
  program
    .command('recover')
    .argument('[id]', 'one migration; without it, all that this host knows of')
    .option('--dry-run', 'only tell what there is and what would be done')
    .option(
      '--assume-source-dead',
      'let the copy go although the source does not answer; if the process lives there, it runs twice',
    )
    .option('--background', 'say nothing, and try again for ten minutes')
    .option('--json', 'print the reports as JSON')
    .description('finish or undo migrations that were broken off, on this host and on the other one')
    .addHelpText('after', '\nExample:\n  roam recover --dry-run\n')
    .action(async (id: string | undefined, flags: Flags) => {
      const options = { assumeSourceDead: flags.assumeSourceDead ?? false, dryRun: flags.dryRun ?? false };
      try {
        if (flags.background && id !== undefined) {
          if (!(await recoverUntilDone(id, { ...options, timeoutMs: BACKGROUND_MS }))) process.exitCode = 1;
          return;
        }
        const reports = await recover(id, options);
        if (flags.json) printJson({ ok: reports.every(({ done }) => done), migrations: reports });
        else process.stdout.write(`${recoverText(reports)}\n`);
        if (!flags.dryRun && !reports.every(({ done }) => done)) process.exitCode = 1;
      } catch (error) {
        fail(error, flags.json ?? false);
      }
    });
}

/** What a person wants to know of each. */
export function recoverText(reports: RecoverReport[]): string {
  if (reports.length === 0) return 'no migration was broken off here';
  const rows = reports.map(({ id, pid, role, source, destination, action, done }) => [
    id,
    String(pid),
    role,
    source,
    destination,
    done ? `${action}: done` : action,
  ]);
  const lines = [table(['MIGRATION', 'PID', 'HERE', 'SOURCE', 'DESTINATION', 'ACTION'], rows)];
  for (const { id, reason, remedy, warnings, done } of reports) {
    lines.push(`${id}: ${reason}`);
    if (!done && remedy) lines.push(`  -> ${remedy}`);
    for (const warning of warnings) lines.push(`  warning: ${warning}`);
  }
  return lines.join('\n');
}
