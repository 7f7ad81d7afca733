// `roam demo`
import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { DemoMoveError, runDemo } from '../demo/index.js';
import { renderDemo } from '../demo/render.js';
import { fail } from './output.js';
import { claimFile, writeReport } from './report-file.js';

interface Flags {
  json?: string;
  report?: string;
  iterations: string;
  size: string;
  keep?: boolean;
}

export function registerDemo(program: Command): void {
  program
    .command('demo')
    .option('--json <file>', 'also write the result as JSON')
    .option('--report <file>', 'also write the result as a self-contained HTML page')
    .option('--iterations <n>', 'iterations of ib_send_bw', '5000')
    .option('--size <bytes>', 'message size of ib_send_bw', '65536')
    .option('--keep', 'leave the three nodes running')
    .description('boot three SoftRoCE nodes and move a running ib_send_bw from one to another')
    .addHelpText('after', '\nExample:\n  roam demo --json demo.json --report demo.html\n')
    .action(async (flags: Flags) => {
      const interrupted = new AbortController();
      const onSignal = () => interrupted.abort();
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
      const say = (line: string) => process.stdout.write(`${line}\n`);
      try {
        if (flags.report) await claimFile(flags.report);
        const report = await runDemo({
          iterations: Number(flags.iterations),
          size: Number(flags.size),
          keep: flags.keep ?? false,
          signal: interrupted.signal,
          say,
        });
        say(renderDemo(report));
        if (flags.json) await writeFile(flags.json, `${JSON.stringify(report, undefined, 2)}\n`);
        if (flags.report) await writeReport(flags.report, report.migration, report.peer);
        if (!report.ok) process.exitCode = 1;
      } catch (error) {
        fail(error, false);
        if (flags.report && error instanceof DemoMoveError) await writeReport(flags.report, error.outcome);
      } finally {
        for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, onSignal);
      }
    });
}
