// Live migration of a process tree between two hosts.
import { hostname } from 'node:os';
import { MigrationError } from '../errors.js';
import type { AgentClient } from './agent/client.js';
import { LOCAL_IMAGES, placeFor, prepareDirectory } from './agent/prepare.js';
import { announceMove, announceStay } from './announce.js';
import { limitRate } from './bandwidth.js';
import { Custody, originOf } from './custody.js';
import { DataLink } from './data-link.js';
import { DockerMove } from './docker/move.js';
import { removeNetworkLock } from './dump.js';
import { errorsOf } from './findings.js';
import { type Inspected, inspect, subjectOf } from './inspect.js';
import { compressionLacks } from './judge-compress.js';
import { recoverProcess } from './leftovers.js';
import type { ManagedMove } from './managed/move.js';
import { asMigration, type Migration } from './migration.js';
import { Move } from './move.js';
import { locksTcp } from './netns/inside.js';
import { pageOptions } from './oci/dump.js';
import { PageStream } from './pages.js';
import { Phases } from './phases.js';
import { PodmanMove } from './podman/move.js';
import { preCopy } from './precopy.js';
import { removeDirectory } from './remove.js';
import type { SourceFacts } from './source.js';
import { Support } from './support.js';
import { syncAll } from './sync.js';
import { isTls } from './tls/address.js';
import type { Finding, MigrateOptions, MigrationEvent, MigrationReport, PreCopyRound } from './types.js';
import { openDataWay } from './way.js';
import { Tally } from './wire/tally.js';

export { CriuError, MigrationError, RoamError, type RoamErrorOptions } from '../errors.js';
export { check } from './check.js';
export type { Decision, DestinationState, SourceState } from './decide.js';
export type { Migration } from './migration.js';
export { type RecoverOptions, type RecoverReport, recover } from './recover.js';
export type * from './types.js';
export { PHASES } from './types.js';

const DEFAULT_READY_TIMEOUT_MS = 10_000;

/** Preflight found errors; nothing was stopped. */
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
 * @returns a promise of the report, which rejects with a PreflightError with every finding, before anything was
 * stopped, or a MigrationError with the phase and host that failed; and an iterable of the events
 */
export function migrate(options: MigrateOptions): Migration {
  return asMigration(options, run);
}

async function run(options: MigrateOptions): Promise<MigrationReport> {
  const connection: { agent?: AgentClient; custody?: Custody; link?: DataLink; tally?: Tally } = {};
  let endTurn = () => {};
  const onEvent = (event: MigrationEvent) => {
    if (event.type === 'start') connection.custody?.reached(event.phase);
    if (event.type === 'end' && event.phase === 'resume') endTurn();
    options.onEvent?.(event);
  };
  const phases = new Phases(onEvent, options.signal);
  const { to, ssh = ['ssh'] } = options;
  const support = new Support(options);
  phases.keepLogs = () => support.collect();
  try {
    const checked = await phases.run('preflight', hostname(), async () => {
      for (const left of await recoverProcess(options.target)) phases.warn(left);
      const result = await inspect(options, (agent) => {
        connection.agent = agent;
        support.agent = agent;
      });
      support.facts(result);
      phases.note(subjectOf(options.target, result));
      const errors = errorsOf(result.findings);
      if (errors.length > 0) throw new PreflightError(errors);
      for (const { severity, host, message } of result.findings)
        if (severity === 'warning') phases.warn(`${host}: ${message}`);
      return result;
    });
    const id = `roam-${hostname()}-${checked.source.pid}-${Date.now().toString(36)}`;
    const prepared = await phases.run('prepare', hostname(), async () => {
      const bytes = checked.source.memory + 16 * 1024 * 1024;
      const dir = await placeFor(id, LOCAL_IMAGES);
      support.place = { dir, id };
      if (!options.keepImages) phases.onRollback(`removing ${dir}`, () => removeDirectory(dir));
      const netns = checked.source.inside?.path;
      const locks = locksTcp(checked.source, options.tcpClose);
      if (locks)
        phases.onRollback('unlocking the network', () => removeNetworkLock(dir, { required: false, netns }));
      const origin = await originOf(checked.source);
      connection.custody = await Custody.begin(id, dir, checked.source, origin, options, phases);
      const { custody } = connection;
      await prepareDirectory(dir);
      const { keepImages = false } = options;
      const asked = checked.agent.request('prepare', { bytes, id, origin, keepImages });
      // Nothing is in it yet, and no report would name it.
      const there = await asked.catch(async (error) => {
        if (keepImages) await removeDirectory(dir);
        throw error;
      });
      if (keepImages) phases.note({ images: { source: dir, destination: there.dir } });
      // Locked before the freeze, for the time it takes: the address is not there yet, so nothing is lost.
      const { connections } = checked.source;
      if (locks) await checked.agent.request('lockTcp', { connections, ...(netns ? { netns } : {}) });
      const managed = await prepareManaged(checked, dir, options, phases);
      const { path } = await checked.agent.request('openData', {});
      const { compress = 'auto', bandwidth } = options;
      const unable =
        compress === 'none' ? undefined : compressionLacks(checked.source.host, checked.destination);
      const tally = new Tally(isTls(to) ? 'tls' : 'ssh', compress, unable);
      const way = await openDataWay(checked.way, checked.agent, dir, path);
      const link = new DataLink(way, {
        mode: unable === undefined ? compress : 'none',
        tally,
        ...(bandwidth ? { pace: limitRate(bandwidth) } : {}),
      });
      connection.link = link;
      connection.tally = tally;
      return { dir, link, tally, custody, ...(managed ? { managed } : {}) };
    });
    const { agent, criu } = checked;
    const { signal } = options;
    const pages = new PageStream({
      ...prepared,
      agent,
      host: to,
      criu,
      postCopy: options.postCopy ?? false,
      ...pageOptions(checked.source.container, criu),
      ...(signal ? { signal } : {}),
    });
    const { managed } = prepared;
    if (checked.sync.length > 0 || managed)
      await phases.run(
        'sync',
        hostname(),
        async () => (await syncAll(checked.sync, to, ssh)) + ((await managed?.sync()) ?? 0),
        (bytes) => `${bytes} bytes`,
      );
    const rounds = options.preCopy
      ? await phases.run(
          'pre-copy',
          hostname(),
          () => sendAhead({ ...checked, pages, options, phases }),
          (done) => `${done.length} rounds`,
        )
      : undefined;
    endTurn = (await options.freezeTurn?.()) ?? endTurn;
    if (checked.source.rdma.contexts > 0)
      await phases.run('announce', hostname(), () => announce(checked.source.pids, options, phases));
    const sent = rounds ? { rounds } : {};
    const move = new Move({ ...checked, ...prepared, ...sent, pages, id, options, phases });
    const report = await move.run();
    await connection.custody?.end(checked.agent, true);
    return report;
  } catch (error) {
    await phases.rollback();
    if (connection.tally) phases.note({ wire: connection.tally.report() });
    await connection.custody?.end(connection.agent, phases.isCommitted);
    if (error instanceof MigrationError)
      error.report = phases.failed({ target: options.target, source: hostname(), destination: to });
    throw error;
  } finally {
    endTurn();
    support.deliver();
    await connection.link?.close();
    await connection.agent?.close();
  }
}

/** The container at the destination, made and not started. */
async function prepareManaged(
  { place, agent, criu }: Inspected,
  dir: string,
  options: MigrateOptions,
  phases: Phases,
): Promise<ManagedMove | undefined> {
  if (!place) return undefined;
  if (place.manager === 'podman') return PodmanMove.prepare({ ...place, agent, options, criu, dir });
  const { container, place: there } = place;
  return DockerMove.prepare(container, there, agent, options, (problem) => phases.warn(problem));
}

interface Ahead {
  source: SourceFacts;
  agent: AgentClient;
  pages: PageStream;
  options: MigrateOptions;
  phases: Phases;
}

/** The rounds of pre-copy, each told as it ends. */
function sendAhead({ options, phases, ...c }: Ahead): Promise<PreCopyRound[]> {
  const told: PreCopyRound[] = [];
  return preCopy({
    ...c,
    options: options.preCopy ?? {},
    postCopy: options.postCopy ?? false,
    onRound: (round) => {
      told.push(round);
      phases.note({ rounds: told });
      options.onEvent?.({ type: 'round', phase: 'pre-copy', round });
    },
    warn: (message) => phases.warn(message),
    throwIfAborted: () => phases.throwIfAborted(),
  });
}

/** The last thing before the freeze: what a program prepares should not have to hold for long. */
async function announce(pids: number[], options: MigrateOptions, phases: Phases): Promise<void> {
  const timeoutMs = options.readyTimeoutMs ?? DEFAULT_READY_TIMEOUT_MS;
  phases.onRollback('telling the program that it stays', () => announceStay(pids));
  const late = await announceMove(pids, timeoutMs, options.signal);
  if (late.length > 0 && !options.signal?.aborted)
    phases.warn(`process ${late.join(', ')} wanted to prepare for the move and was not ready in time`);
}
