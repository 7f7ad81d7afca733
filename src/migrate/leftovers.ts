// Earlier migrations of a process that were broken off, in the way of the next one.
import { type JournalEntry, readJournals } from './journal.js';
import { recover } from './recover.js';
import { resolveTarget } from './target.js';
import type { Finding } from './types.js';

const concerns = (pid: number) => (entry: JournalEntry) =>
  [entry.origin.root.pid, ...entry.origin.pids, ...(entry.pids ?? [])].includes(pid);

/**
 * Finishes or undoes what earlier migrations of this process have left.
 *
 * @returns what was found and done, in words
 */
export async function recoverProcess(target: string): Promise<string[]> {
  const words: string[] = [];
  const { pid } = await resolveTarget(target);
  for (const { id } of (await readJournals()).filter(concerns(pid))) {
    // It may be over by now.
    const reports = await recover(id).catch(() => []);
    for (const { action, done, reason } of reports)
      words.push(`an earlier migration (${id}) was not over: ${done ? action : `still open, ${reason}`}`);
  }
  return words;
}

/** What the next migration of this process would have to finish or undo first. */
export async function leftoverFindings(pid: number, host: string): Promise<Finding[]> {
  return (await readJournals()).filter(concerns(pid)).map(({ id, role, phase, other }) => ({
    severity: 'error',
    code: 'MIGRATION_OPEN',
    host,
    message: `a migration of process ${pid} ${role === 'source' ? 'to' : 'from'} ${other.hosts[0]} was not completed (it was at ${phase})`,
    remedy: `roam recover ${id}`,
  }));
}
