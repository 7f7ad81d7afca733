import { expect } from 'vitest';
import type { MigrationReport } from '../../../dist/index.js';
import { type NodeName, node } from './lab.js';

export interface MigrateFlags {
  to: NodeName;
  /** Floating address in CIDR form that moves along. */
  ip?: string;
  /** More arguments of `roam migrate`. */
  extra?: string[];
}

export interface MigrateFailure {
  code: string;
  message: string;
  phase: string | null;
  host: string | null;
  remedy: string | null;
  findings?: { host: string; message: string; remedy?: string }[];
}

async function roamMigrate(from: NodeName, pid: number, { to, ip, extra = [] }: MigrateFlags) {
  const argv = ['roam', 'migrate', `pid:${pid}`, '--to', to, ...(ip ? ['--ip', ip] : []), '--json', ...extra];
  const { exitCode, stdout, stderr } = await (await node(from)).exec(argv, {
    reject: false,
    timeout: 150_000,
  });
  try {
    return { exitCode, answer: JSON.parse(stdout), stderr };
  } catch {
    throw new Error(`${argv.join(' ')} exited with ${exitCode} and printed no JSON:\n${stdout}\n${stderr}`);
  }
}

/** Moves a process and expects it to work. */
export async function migrate(from: NodeName, pid: number, flags: MigrateFlags): Promise<MigrationReport> {
  const { exitCode, answer, stderr } = await roamMigrate(from, pid, flags);
  expect({ exitCode, error: answer.error, stderr }, `moving pid ${pid} from ${from} to ${flags.to}`).toEqual({
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
  pid: number,
  flags: MigrateFlags,
): Promise<MigrateFailure> {
  const { exitCode, answer } = await roamMigrate(from, pid, flags);
  expect(answer, 'the move was expected to fail').toMatchObject({ ok: false });
  expect(exitCode).not.toBe(0);
  return answer.error;
}

/** Whether a process is there and not a zombie. */
export async function isAlive(name: NodeName, pid: number): Promise<boolean> {
  const { stdout } = await (await node(name)).exec(['cat', `/proc/${pid}/stat`], { reject: false });
  return stdout !== '' && !/\) [ZX] /.test(stdout);
}
