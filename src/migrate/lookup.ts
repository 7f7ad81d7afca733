// What is there of a migration on this host: looked up, with the journal as a hint.
import { readdir, readFile, readlink } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { verifyTree } from './agent/tasks.js';
import type { DestinationState, SourceState } from './decide.js';
import type { JournalEntry, Origin } from './journal.js';
import { type Fate, fateOf, readTask } from './proc.js';
import { bootId, isThere, startTimeOf, type TaskId, taskId } from './task-id.js';

/** How long CRIU may take to let go of a tree, or to kill it. */
const FATE_TIMEOUT_MS = 30_000;

/** The process at its source, which is this host; `byOwner`: asked by the engine itself. */
export async function sourceState(
  origin: Origin,
  entry: JournalEntry | undefined,
  { byOwner = false } = {},
): Promise<SourceState> {
  if (entry?.settled === 'undo') return 'undone';
  if (!byOwner && entry?.owner && (await isThere(entry.owner))) return 'busy';
  const fate = await fateOfOrigin(origin);
  // Whoever let go of it before the commit let it run on: the copy is older than its end.
  if (fate === 'dead' && entry && !entry.consented && entry.boot === (await bootId())) return 'ended';
  if (fate !== 'alive' || !entry || byOwner) return fate;
  // One that has lost its client may still be about to freeze the process, and stops its QPs then.
  for (const deadline = Date.now() + FATE_TIMEOUT_MS; (await criuIn(entry.dir)).length > 0; await sleep(200))
    if (Date.now() > deadline) return 'held';
  return fateOfOrigin(origin);
}

/** Waits a while for CRIU to let go of the process or to end it. */
export async function fateOfOrigin({ boot, root }: Origin): Promise<Fate> {
  if (boot !== (await bootId())) return 'dead';
  const fate = await fateOf(root.pid, FATE_TIMEOUT_MS);
  return (await startTimeOf(root.pid)) === root.startTime ? fate : 'dead';
}

/** The copy on this host, the destination. */
export async function destinationState(entry: JournalEntry | undefined): Promise<DestinationState> {
  if (!entry || entry.boot !== (await bootId())) return 'absent';
  if (entry.owner && (await isThere(entry.owner))) return 'busy';
  const tasks = await copyTasks(entry);
  if (tasks.length === 0) return 'absent';
  // Its owner is gone, and with it the way of its memory.
  if (entry.lazy) return 'partial';
  if (entry.resumed) return 'running';
  if (!entry.copy || tasks.length < entry.copy.length) return 'partial';
  const wanted = tasks.filter(({ pid }) => !entry.origin.stopped.includes(pid));
  const states = await Promise.all(wanted.map(({ pid }) => readTask(pid).catch(() => undefined)));
  if (states.some((task) => task && !['T', 't'].includes(task.state))) return 'running';
  if (entry.verified) return 'whole';
  const pids = tasks.map(({ pid }) => pid);
  const { contexts, notPinned } = await verifyTree(pids).catch(() => ({ contexts: -1, notPinned: [] }));
  return contexts >= entry.origin.contexts && notPinned.length === 0 ? 'whole' : 'partial';
}

/**
 * Living processes of the copy: by their start times where the restore told them, else by having begun since.
 * Preflight saw to it that nobody else had their numbers.
 */
export async function copyTasks(entry: JournalEntry): Promise<TaskId[]> {
  const { copy, pids = [], since } = entry;
  if (since === undefined || entry.boot !== (await bootId())) return [];
  const found = copy ?? (await Promise.all(pids.map(taskId))).filter(isSince(since));
  const there = await Promise.all(found.map(isThere));
  return found.filter((_, i) => there[i]);
}

const isSince =
  (since: string) =>
  ({ startTime }: TaskId): boolean =>
    startTime !== '' && BigInt(startTime) >= BigInt(since);

/** Ends a process, politely first if there is time for it, and waits until it is gone. */
export async function endTask(task: TaskId, graceMs: number): Promise<void> {
  for (const [signal, waitMs] of [
    ['SIGTERM', graceMs],
    ['SIGKILL', 10_000],
  ] as const) {
    if (waitMs === 0) continue;
    if (!(await isThere(task))) return;
    try {
      process.kill(task.pid, signal);
    } catch {
      return;
    }
    for (const until = Date.now() + waitMs; Date.now() < until && (await isThere(task)); await sleep(50));
  }
}

/** CRIU processes that work in the directory of a migration: a dump, a restore, a page server. */
export async function criuIn(dir: string): Promise<TaskId[]> {
  const found: TaskId[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const words = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
    if (!/(^|\/)criu\0/.test(words.slice(0, words.indexOf('\0') + 1))) continue;
    const fds = await readdir(`/proc/${name}/fd`).catch(() => []);
    const links = await Promise.all(fds.map((fd) => readlink(`/proc/${name}/fd/${fd}`).catch(() => '')));
    if (links.some((link) => link === dir || link.startsWith(`${dir}/`)))
      found.push(await taskId(Number(name)));
  }
  return found;
}
