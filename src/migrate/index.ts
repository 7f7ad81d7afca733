// Live migration of a process tree between two hosts.
import { rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { MigrationError } from '../errors.js';
import type { AgentClient } from './agent/client.js';
import { prepareDirectory } from './agent/prepare.js';
import { announceMove, announceStay } from './announce.js';
import { Guard, startTimeOf } from './guard.js';
import { inspect, subjectOf } from './inspect.js';
import { Move } from './move.js';
import { Phases } from './phases.js';
import { TarSink } from './transfer.js';
import type { Finding, MigrateOptions, MigrationReport } from './types.js';

export { check } from './check.js';
export type * from './types.js';
export { PHASES } from './types.js';

const DEFAULT_READY_TIMEOUT_MS = 10_000;

/** Preflight found reasons not to begin; nothing was stopped. */
export class PreflightError extends MigrationError {
  readonly findings: Finding[];

  constructor(findings: Finding[]) {
    const [first] = findings;
    const words = findings.map(({ host, message }) => `${host}: ${message}`).join('; ');
    super('preflight', words, {
      code: 'PREFLIGHT_FAILED',
      ...(findings.length === 1 && first?.remedy ? { remedy: first.remedy } : {}),
      ...(first ? { host: first.host } : {}),
    });
    this.findings = findings;
  }
}

/**
 * Moves a process and its descendants to another host while their peers stay connected.
 *
 * Until the commit (CRIU's post-dump notification is answered) every failure ends with the process running
 * here; after it, at the destination.
 *
 * @throws PreflightError with every finding, before anything was stopped
 * @throws MigrationError with the phase and host that failed
 */
export async function migrate(options: MigrateOptions): Promise<MigrationReport> {
  const phases = new Phases(options.onEvent, options.signal);
  const { to, ssh = ['ssh'] } = options;
  const connection: { agent?: AgentClient; guard?: Guard } = {};
  try {
    const checked = await phases.run('preflight', hostname(), async () => {
      const result = await inspect(options, (agent) => {
        connection.agent = agent;
      });
      phases.note(subjectOf(options.target, result));
      if (result.findings.length > 0) throw new PreflightError(result.findings);
      return result;
    });
    const id = `roam-${hostname()}-${checked.source.pid}-${Date.now().toString(36)}`;
    const prepared = await phases.run('prepare', hostname(), async () => {
      const bytes = checked.source.memory + 16 * 1024 * 1024;
      const dir = await prepareDirectory(id, bytes);
      phases.onRollback(`removing ${dir}`, () => rm(dir, { recursive: true, force: true }));
      const { pid, address } = checked.source;
      const held = address?.dev ? { address: { cidr: address.cidr, dev: address.dev } } : {};
      connection.guard = new Guard({ pid, startTime: await startTimeOf(pid), dir, ...held });
      const { dir: remoteDir } = await checked.agent.request('prepare', { bytes, id });
      // Locked before the freeze, for the time it takes: the address is not there yet, so nothing is lost.
      const { connections } = checked.source;
      if (connections.length > 0 && !options.tcpClose)
        await checked.agent.request('lockTcp', { connections });
      const sink = await TarSink.open(to, ssh, remoteDir);
      phases.onRollback('closing the transfer', () => sink.close());
      if (checked.source.rdma.contexts > 0) await announce(checked.source.pids, options, phases);
      return { dir, sink };
    });
    const move = new Move({ ...checked, ...prepared, id, options, phases });
    return await move.run();
  } catch (error) {
    await phases.rollback();
    if (error instanceof MigrationError)
      error.report = phases.failed({ target: options.target, source: hostname(), destination: to });
    throw error;
  } finally {
    connection.guard?.dismiss();
    await connection.agent?.close();
  }
}

/** The last thing before the freeze: what a program prepares should not have to hold for long. */
async function announce(pids: number[], options: MigrateOptions, phases: Phases): Promise<void> {
  const timeoutMs = options.readyTimeoutMs ?? DEFAULT_READY_TIMEOUT_MS;
  phases.onRollback('telling the program that it stays', () => announceStay(pids));
  const late = await announceMove(pids, timeoutMs, options.signal);
  if (late.length > 0 && !options.signal?.aborted)
    phases.warn(`process ${late.join(', ')} wanted to prepare for the move and was not ready in time`);
}
