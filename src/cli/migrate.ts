// `roam migrate`
import type { Command } from 'commander';
import { type MigrateOptions, migrate, PHASES } from '../migrate/index.js';
import type { SupportFile } from '../migrate/types.js';
import type { FailedOutcome, Outcome } from '../report/types.js';
import { amount, type InspectFlags, inspectFlags, inspectOptions } from './inspect-flags.js';
import { type MemoryFlags, memoryFlags, memoryOptions } from './memory-flags.js';
import { errorObject, fail, migrationProgress, printJson } from './output.js';
import { claimFile, writeBundle, writeReport } from './report-file.js';

interface Flags extends InspectFlags, MemoryFlags {
  settleTimeout: number;
  readyTimeout: number;
  maxHold: number;
  keepImages?: boolean;
  report?: string;
  supportBundle?: string;
  progress?: boolean;
}

const EXAMPLES = `
Examples:
  roam migrate pid:1234 --to b --ip 10.0.1.7/24 --report move.html
  roam migrate pid:1234 --to b --max-blackout 300ms --on-no-convergence go
  roam migrate runc:web --to b --ip 10.0.1.7/24 --sync /srv/web
  roam migrate docker:db --to b --copy-image
  roam migrate podman:db --to b --ip 10.0.1.7/24
  roam migrate pid:1234 --to b --pre-copy --post-copy
`;

export function registerMigrate(program: Command): void {
  const command = program
    .command('migrate')
    .argument(
      '<target>',
      'what to move: pid:1234 (a process and its descendants), runc:NAME, crun:NAME, docker:NAME or podman:NAME (a container)',
    );
  memoryFlags(inspectFlags(command))
    .option('--settle-timeout <seconds>', 'how long to wait for the peers to acknowledge Resume', amount, 30)
    .option('--ready-timeout <seconds>', 'how long a program may prepare that asked to be told', amount, 10)
    .option(
      '--max-hold <seconds>',
      'how long peers are told to wait for a process that is on its way',
      amount,
      60,
    )
    .option('--keep-images', 'keep images and logs on both hosts')
    .option('--report <file>', 'also write the report, of a failure too, as a self-contained HTML page')
    .option('--support-bundle <file>', 'also write logs and facts of both hosts, without memory, as a .tgz')
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
      const json = flags.json ?? false;
      let outcome: Outcome | undefined;
      let support: SupportFile[] = [];
      const onSupport = (files: SupportFile[]) => {
        support = files;
      };
      try {
        if (flags.report) await claimFile(flags.report);
        if (flags.supportBundle) await claimFile(flags.supportBundle, 0o600);
        const options = optionsOf(target, flags, interrupted.signal, progress?.onEvent);
        outcome = await migrate({ ...options, ...(flags.supportBundle ? { onSupport } : {}) });
        await progress?.done();
        if (json) printJson(outcome);
        else await printOutcome(outcome);
      } catch (error) {
        await progress?.done();
        fail(error, json);
        if (hasReport(error)) {
          outcome = errorObject(error) as FailedOutcome;
          if (!json && outcome.phases.length > 1) await printOutcome(outcome);
        }
      } finally {
        for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, onSignal);
      }
      if (!outcome) return;
      try {
        if (flags.report) await writeReport(flags.report, outcome);
        if (flags.supportBundle) await writeBundle(flags.supportBundle, outcome, support);
      } catch (error) {
        // The answer itself is on stdout already.
        fail(error, false);
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
    settleTimeoutMs: flags.settleTimeout * 1000,
    readyTimeoutMs: flags.readyTimeout * 1000,
    maxHoldMs: flags.maxHold * 1000,
    keepImages: flags.keepImages ?? false,
    signal,
    ...(onEvent ? { onEvent } : {}),
  };
}

const hasReport = (error: unknown): boolean =>
  (error as { report?: unknown } | undefined)?.report !== undefined;

/** What a person wants to know afterwards. */
async function printOutcome(outcome: Outcome): Promise<void> {
  const { outcomeText } = await import('../report/index.js');
  process.stdout.write(`${outcomeText(outcome)}\n`);
}
