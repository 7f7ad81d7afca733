// How commands speak: one clear error, tables, live progress on a terminal, plain lines in a pipe.
import { hostname } from 'node:os';
import { RoamError } from '../errors.js';
import type { FailedMigration, Finding, MigrationEvent, PhaseName, PreCopyRound } from '../migrate/types.js';
import { byteCount, seconds, table } from '../report/format.js';

/** What `--json` prints when a command fails; of a migration also how far it came. */
export function errorObject(error: unknown) {
  const { code, phase, host, remedy, findings, report } = error as Record<string, unknown>;
  return {
    ...(report as Partial<FailedMigration> | undefined),
    ok: false as const,
    error: {
      code: typeof code === 'string' ? code : 'INTERNAL',
      message: error instanceof Error ? error.message : String(error),
      phase: phase ?? null,
      host: host ?? hostname(),
      remedy: remedy ?? null,
      ...(findings ? { findings } : {}),
    },
  };
}

/** Every finding, its remedy on a line of its own. */
export function findingTable(findings: Finding[]): string {
  const lines = table(
    ['SEVERITY', 'HOST', 'CODE', 'WHAT'],
    findings.map(({ severity, host, code, message }) => [severity, host, code, message]),
  ).split('\n');
  const indent = ' '.repeat(lines[0]?.indexOf('WHAT') ?? 0);
  const remedies = findings.map(({ remedy }) => (remedy ? `\n${indent}-> ${remedy}` : ''));
  return lines.map((line, i) => line + (remedies[i - 1] ?? '')).join('\n');
}

/** Where it was found, what it is, and what to do about it. */
export function findingLines(findings: Finding[]): string[] {
  return findings.map(
    ({ host, message, remedy }) => `  ${host}: ${message}${remedy ? `\n    -> ${remedy}` : ''}`,
  );
}

/** What, where, and what to do about it. */
export function errorText(error: unknown): string {
  const { phase, host, remedy, findings } = error as Record<string, unknown>;
  if (Array.isArray(findings)) {
    const lines = findingLines(findings);
    return `roam: nothing was stopped; ${findings.length} reason${findings.length > 1 ? 's' : ''} not to begin:\n${lines.join('\n')}`;
  }
  const message = error instanceof Error ? error.message : String(error);
  const where = [phase ? `phase ${phase}` : '', host ? `on ${host}` : ''].filter(Boolean).join(' ');
  const stack =
    error instanceof RoamError || !(error instanceof Error) || !process.env.ROAM_DEBUG
      ? ''
      : `\n${error.stack}`;
  return `roam: ${where ? `${where}: ` : ''}${message}${remedy ? `\n  -> ${remedy}` : ''}${stack}`;
}

/** Prints the error the way the command was asked to speak, and sets the exit code. */
export function fail(error: unknown, json: boolean): void {
  if (json) process.stdout.write(`${JSON.stringify(errorObject(error))}\n`);
  else process.stderr.write(`${errorText(error)}\n`);
  process.exitCode = 1;
}

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
}

export { byteCount, seconds, table } from '../report/format.js';

export interface Progress {
  onEvent: (event: MigrationEvent) => void;
  /** Resolves when the display is at rest. */
  done: () => Promise<void>;
}

/** Live progress of a migration: a task list on a terminal, one line per finished phase elsewhere. */
export async function migrationProgress(
  out: NodeJS.WriteStream,
  phases: readonly PhaseName[],
): Promise<Progress> {
  return out.isTTY ? listProgress(phases) : plainProgress(out);
}

function plainProgress(out: NodeJS.WritableStream): Progress {
  return {
    onEvent: (event) => {
      if (event.type === 'end')
        out.write(
          `${event.phase.padEnd(10)} ${seconds(event.ms)}${event.detail ? `  (${event.detail})` : ''}\n`,
        );
      if (event.type === 'fail')
        out.write(`${event.phase.padEnd(10)} failed after ${seconds(event.ms)}: ${event.message}\n`);
      if (event.type === 'round') out.write(`${roundLine(event.round)}\n`);
      if (event.type === 'warning') out.write(`warning: ${event.message}\n`);
    },
    done: async () => {},
  };
}

/** What a round of pre-copy did. */
export function roundLine(done: PreCopyRound): string {
  const { round, ms, bytes, pages, unchanged, inFreeze, predictedMs } = done;
  const predicted = predictedMs === undefined ? '' : `, blackout would be ${seconds(predictedMs)}`;
  const again = unchanged > 0 ? `, ${unchanged} unchanged` : '';
  const later = inFreeze === undefined ? '' : `, ${pages - inFreeze} could follow later`;
  return `  round ${round}: ${pages} pages${again}${later}, ${byteCount(bytes)} in ${seconds(ms)}${predicted}`;
}

interface Step {
  task?: { output: string };
  started: PromiseWithExecutor;
  ended: PromiseWithExecutor;
  title?: string;
}

type PromiseWithExecutor = { promise: Promise<void>; resolve: () => void; reject: (error: Error) => void };

function deferred(): PromiseWithExecutor {
  let resolve = () => {};
  let reject = (_: Error) => {};
  const promise = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  promise.catch(() => {});
  return { promise, resolve, reject };
}

async function listProgress(phases: readonly PhaseName[]): Promise<Progress> {
  const { Listr } = await import('listr2');
  const steps = new Map<PhaseName, Step>(
    phases.map((phase) => [phase, { started: deferred(), ended: deferred() }]),
  );
  const list = new Listr(
    phases.map((phase) => ({
      title: phase,
      task: async (_: unknown, task) => {
        const step = steps.get(phase) as Step;
        step.task = task;
        await step.ended.promise;
        if (step.title) task.title = step.title;
      },
    })),
    // Its own handler would end the program, and with it the rollback that Ctrl-C asks for.
    { concurrent: false, exitOnError: true, registerSignalListeners: false },
  );
  const display = list.run().catch(() => {});
  // A phase that does not apply is passed over as soon as a later one begins.
  const passOver = (phase: PhaseName) => {
    for (const [name, step] of steps) {
      if (name === phase) return;
      step.title ??= `${name} (not needed)`;
      step.ended.resolve();
    }
  };
  return {
    onEvent: (event) => {
      const step = steps.get(event.phase);
      // A rollback is no step of the list.
      if (event.type === 'start' && step) passOver(event.phase);
      if (event.type === 'end' && step) {
        step.title = `${event.phase}  ${seconds(event.ms)}${event.detail ? `  (${event.detail})` : ''}`;
        step.ended.resolve();
      }
      if (event.type === 'round' && step?.task) step.task.output = roundLine(event.round);
      if (event.type === 'fail') step?.ended.reject(new Error(event.message));
    },
    done: async () => {
      // An engine that failed between two phases leaves the rest without an end.
      for (const { ended } of steps.values()) ended.reject(new Error('not reached'));
      await display;
    },
  };
}
