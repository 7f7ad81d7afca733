// Finds what a migration that was broken off has left, on both hosts, and finishes or undoes it.
import { setTimeout as sleep } from 'node:timers/promises';
import { RoamError } from '../errors.js';
import { AgentClient } from './agent/client.js';
import { waysTo } from './agent/transport.js';
import { type Decision, type DestinationState, decide, type SourceState } from './decide.js';
import { type JournalEntry, readJournal, readJournals } from './journal.js';
import { destinationState, sourceState } from './lookup.js';
import { demandRoot } from './privilege.js';
import { settleDestination, settleSource } from './settle-host.js';

export interface RecoverOptions {
  /** The source cannot run the process any more, although it does not answer. A wrong word lets it run twice. */
  assumeSourceDead?: boolean;
  /** Only look; nothing is changed. */
  dryRun?: boolean;
  /** @internal The caller is what the journal names as its owner, or has taken its place. */
  byOwner?: boolean;
}

/** What became of one broken off migration. */
export interface RecoverReport extends Decision {
  id: string;
  /** This host's part in it. */
  role: 'source' | 'destination';
  pid: number;
  source: SourceState;
  destination: DestinationState;
  /** Nothing of it is left on either host. */
  done: boolean;
  warnings: string[];
}

/** For the connection: who calls may be holding a process. */
const CONNECT_TIMEOUT_MS = 5000;

/**
 * Recovers one migration by its id, or all that this host knows of.
 *
 * @throws RoamError NOT_ROOT, NO_SUCH_MIGRATION, JOURNAL_BROKEN
 */
export async function recover(id?: string, options: RecoverOptions = {}): Promise<RecoverReport[]> {
  demandRoot();
  const entries = id === undefined ? await readJournals() : [await readJournal(id)];
  const reports: RecoverReport[] = [];
  for (const entry of entries) {
    if (!entry) {
      throw new RoamError('NO_SUCH_MIGRATION', `nothing is left of a migration ${id} on this host`, {
        remedy: 'roam recover, without an id, names what there is',
      });
    }
    reports.push(await recoverOne(entry, options));
  }
  return reports;
}

/**
 * Tries again until nothing is left on either host, for as long as a link may be away.
 *
 * @returns whether nothing is left
 */
export async function recoverUntilDone(
  id: string,
  { timeoutMs, pauseMs = 5000, ...options }: RecoverOptions & { timeoutMs: number; pauseMs?: number },
): Promise<boolean> {
  for (const deadline = Date.now() + timeoutMs; ; await sleep(pauseMs)) {
    const entry = await readJournal(id);
    if (!entry) return true;
    const report = await recoverOne(entry, options).catch(() => undefined);
    if (report?.done) return true;
    if (Date.now() > deadline) return false;
  }
}

async function recoverOne(entry: JournalEntry, options: RecoverOptions): Promise<RecoverReport> {
  const { agent, problem } = await connect(entry);
  try {
    const report = await (entry.role === 'source'
      ? fromSource(entry, agent, options)
      : fromDestination(entry, agent, options));
    if (problem && !report.done) report.warnings.push(problem);
    return report;
  } finally {
    await agent?.close();
  }
}

/** A second connection: that of the migration is lost. */
async function connect(entry: JournalEntry): Promise<{ agent?: AgentClient; problem?: string }> {
  const { hosts, ...how } = entry.other;
  let problem = 'the journal does not name the other host';
  for (const host of hosts) {
    try {
      return { agent: await AgentClient.connect({ ...how, host, timeoutMs: CONNECT_TIMEOUT_MS }) };
    } catch (error) {
      problem = (error as Error).message;
    }
  }
  return { problem };
}

async function fromSource(
  entry: JournalEntry,
  agent: AgentClient | undefined,
  options: RecoverOptions,
): Promise<RecoverReport> {
  const { id, origin } = entry;
  const source = await sourceState(origin, entry, options);
  // An agent that is still there has lost its engine, unless that is at work.
  const takeOver = source !== 'busy' && !options.dryRun;
  const found = await agent?.request('findCopy', { id, takeOver }).catch(() => undefined);
  const destination = found?.state ?? 'unknown';
  const decision = decide(source, destination, options);
  const report = reportOf(entry, source, destination, decision);
  if (options.dryRun || decision.action === 'wait') return report;
  const { action } = decision;
  // Undone here only once the destination has given the address up, if it answers.
  const there = found && agent ? await agent.request('settleCopy', { id, action }) : undefined;
  report.warnings.push(...(there?.warnings ?? []));
  const known = there !== undefined && there.warnings.length === 0;
  const here = await settleSource(entry, action, { keep: !known });
  report.warnings.push(...here);
  report.done = known && here.length === 0;
  if (!known) report.remedy = `make ${waysTo(entry.other.hosts[0] ?? '')} work, then: roam recover ${id}`;
  return report;
}

async function fromDestination(
  entry: JournalEntry,
  agent: AgentClient | undefined,
  options: RecoverOptions,
): Promise<RecoverReport> {
  const { id, origin } = entry;
  const destination = await destinationState(entry);
  const found = await agent?.request('findSource', { id, origin }).catch(() => undefined);
  const source = found?.state ?? 'unknown';
  const decided = decide(source, destination, options);
  const decision: Decision =
    entry.settled === undefined || decided.action === 'wait'
      ? decided
      : { action: entry.settled, reason: 'it was begun before' };
  const report = reportOf(entry, source, destination, decision);
  if (options.dryRun || decision.action === 'wait') return report;
  const { action } = decision;
  // A word that may be wrong is kept, for the source to see when it answers again.
  const assumed = source === 'unknown' && action === 'finish';
  report.warnings.push(...(await settleDestination(entry, action, { keep: assumed })));
  if (found && agent && report.warnings.length === 0)
    report.warnings.push(...(await agent.request('settleSource', { id, action })).warnings);
  report.done = report.warnings.length === 0;
  return report;
}

function reportOf(
  { id, role, origin }: JournalEntry,
  source: SourceState,
  destination: DestinationState,
  decision: Decision,
): RecoverReport {
  return { id, role, pid: origin.root.pid, source, destination, ...decision, done: false, warnings: [] };
}
