import { expect } from 'vitest';
import type { CheckReport, MigrationReport } from '../../../dist/index.js';
import { type NodeName, node } from './lab.js';

export interface MigrateFlags {
  to: NodeName | `tls://${string}`;
  /** Floating address in CIDR form that moves along. */
  ip?: string;
  /** More arguments of `roam migrate`. */
  extra?: string[];
  /** Milliseconds that the command may take. */
  timeout?: number;
}

export interface MigrateFailure {
  code: string;
  message: string;
  phase: string | null;
  host: string | null;
  remedy: string | null;
  findings?: { host: string; message: string; remedy?: string }[];
}

/** A pid, or a name such as `runc:web`. */
type Target = number | `runc:${string}` | `crun:${string}` | `docker:${string}` | `podman:${string}`;

async function roam(
  command: 'migrate' | 'check',
  from: NodeName,
  target: Target,
  { to, ip, extra = [], timeout }: MigrateFlags,
) {
  const what = typeof target === 'number' ? `pid:${target}` : target;
  const argv = ['roam', command, what, '--to', to, ...(ip ? ['--ip', ip] : []), '--json', ...extra];
  const { exitCode, stdout, stderr } = await (await node(from)).exec(argv, {
    reject: false,
    // A container's files go along twice.
    timeout: timeout ?? (typeof target === 'number' ? 150_000 : 480_000),
  });
  try {
    return { exitCode, answer: JSON.parse(stdout), stderr };
  } catch {
    throw new Error(`${argv.join(' ')} exited with ${exitCode} and printed no JSON:\n${stdout}\n${stderr}`);
  }
}

/** Moves a process and expects it to work. */
export async function migrate(from: NodeName, target: Target, flags: MigrateFlags): Promise<MigrationReport> {
  const { exitCode, answer, stderr } = await roam('migrate', from, target, flags);
  expect({ exitCode, error: answer.error, stderr }, `moving ${target} from ${from} to ${flags.to}`).toEqual({
    exitCode: 0,
    error: undefined,
    stderr: '',
  });
  const phases = (answer as MigrationReport).phases.map(
    ({ name, ms }) => `${name} ${(ms / 1000).toFixed(1)}`,
  );
  console.log(`${from} -> ${flags.to}: ${phases.join(', ')} (s)`);
  return answer;
}

/** Tries to move a process and expects that it is refused or fails. */
export async function migrateFails(
  from: NodeName,
  target: Target,
  flags: MigrateFlags,
): Promise<MigrateFailure> {
  const { exitCode, answer } = await roam('migrate', from, target, flags);
  expect(answer, 'the move was expected to fail').toMatchObject({ ok: false });
  expect(exitCode).not.toBe(0);
  return answer.error;
}

/** `roam check`, whatever it finds. @throws when it comes to no findings */
export async function check(from: NodeName, target: Target, flags: MigrateFlags): Promise<CheckReport> {
  const { answer, stderr } = await roam('check', from, target, flags);
  if (!answer.findings) throw new Error(`no findings: ${JSON.stringify(answer.error)}\n${stderr}`);
  return answer;
}

/** Whether a process is there and not a zombie. */
export async function isAlive(name: NodeName, pid: number): Promise<boolean> {
  const { stdout } = await (await node(name)).exec(['cat', `/proc/${pid}/stat`], { reject: false });
  return stdout !== '' && !/\) [ZX] /.test(stdout);
}
