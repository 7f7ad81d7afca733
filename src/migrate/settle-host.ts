// Finishes or undoes on this host what is there of a migration. Each step is tried, whatever became of the others,
// and can be done again.
import { rename, rm, stat } from 'node:fs/promises';
import {
  addAddress,
  announce,
  arpAnnouncer,
  localAddresses,
  type MovedAddress,
  removeAddress,
} from './address.js';
import { TcpLock } from './agent/network.js';
import { resumeTree } from './agent/tasks.js';
import { announceStay } from './announce.js';
import { removeNetworkLock } from './dump.js';
import { letRun } from './held.js';
import { reserveHere } from './hold.js';
import { Journal, type JournalEntry } from './journal.js';
import { copyTasks, criuIn, endTask, fateOfOrigin } from './lookup.js';
import { removeMade, tie } from './managed/move.js';
import { linksIn } from './netns/facts.js';
import { addRoutes, removeRoutes } from './netns/routes.js';
import { deleteContainer } from './oci/runtime.js';
import { processTree } from './proc.js';
import { resumeContexts } from './rdma.js';
import { removeDirectory } from './remove.js';

/** CRIU rolls back by itself when its client is gone; this long it may take. */
const CRIU_GRACE_MS = 20_000;

interface SettleOptions {
  /** Leave the journal: the other side does not know yet. */
  keep?: boolean;
  /** Of the journal. */
  directory?: string;
}

/** What went wrong, in words; empty: nothing of the migration is left here. */
export type Warnings = string[];

class Steps {
  readonly warnings: Warnings = [];

  async do(what: string, work: () => Promise<unknown>): Promise<void> {
    await work().catch((error: Error) => this.warnings.push(`${what}: ${error.message}`));
  }
}

/** At the source. `undo` lets the process go on, if it lives. */
export async function settleSource(
  entry: JournalEntry,
  action: 'finish' | 'undo',
  { keep = false, directory }: SettleOptions = {},
): Promise<Warnings> {
  const journal = Journal.of(entry, directory);
  const steps = new Steps();
  const { dir, address, origin, locked, netns, ties } = entry;
  if (!entry.cleared) {
    const alive = action === 'undo' && (await fateOfOrigin(origin)) === 'alive';
    await journal.settle({ settled: action, owner: undefined });
    if (locked) await steps.do('removing the network lock of the dump', () => unlockDump(dir, netns));
    if (ties && action === 'finish') await steps.do('removing the container', () => removeMade(ties));
    if (alive) {
      if (ties) await steps.do('tying the container to what it was loosened from', () => tie(ties));
      const pids = (await processTree(origin.root.pid)).map(({ pid }) => pid);
      if (address) await steps.do('taking the address back', () => takeBack(address));
      await steps.do('resuming the QPs', () => resumeAll(pids));
      if (entry.stopSignal)
        await steps.do('letting the process run', async () => letRun(pids, origin.stopped));
      await steps.do('telling the program that it stays', () => announceStay(pids));
      if (address) await steps.do('announcing the address', () => tellNeighbours(address));
    }
    await steps.do(`removing ${dir}`, () => removeDirectory(dir));
  }
  if (steps.warnings.length === 0) await (keep ? journal.settle({ cleared: true }) : journal.remove());
  return steps.warnings;
}

/** At the destination. The caller has made sure that `action` is right. */
export async function settleDestination(
  entry: JournalEntry,
  action: 'finish' | 'undo',
  { keep = false, directory }: SettleOptions = {},
): Promise<Warnings> {
  const journal = Journal.of(entry, directory);
  // What was begun is not turned round: the other way could have been taken only with other facts.
  const way = entry.settled ?? action;
  await journal.settle({ settled: way, owner: undefined });
  const steps = new Steps();
  if (way === 'finish') await finishCopy(entry, journal, steps);
  else await undoCopy(entry, steps);
  const { dir } = entry;
  await steps.do(`removing ${dir}`, () => removeDirectory(dir));
  if (!keep && steps.warnings.length === 0) await journal.remove();
  return steps.warnings;
}

async function finishCopy(entry: JournalEntry, journal: Journal, steps: Steps): Promise<void> {
  const { id, connections, files = [], pids = [], origin, address, made, netns } = entry;
  if (connections && made?.manager === 'docker')
    await steps.do('unlocking TCP', () => new TcpLock(id, connections, `/proc/${pids[0]}/ns/net`).release());
  if (connections) await steps.do('unlocking TCP', () => new TcpLock(id, connections, netns).release());
  if (!entry.resumed) {
    await steps.do('letting the process go', async () => {
      const { warnings } = await resumeTree(pids, origin.stopped);
      await journal.mark({ resumed: true });
      steps.warnings.push(...warnings);
    });
  }
  for (const { path } of files)
    await steps.do('removing backups', () => rm(`${path}.${id}.old`, { force: true }));
  if (address) await steps.do('announcing the address', () => tellNeighbours(address));
}

async function undoCopy(entry: JournalEntry, steps: Steps): Promise<void> {
  const { id, dir, connections, reservations, files = [], address, container, made, netns } = entry;
  await steps.do('ending CRIU', async () => {
    for (const task of await criuIn(dir)) await endTask(task, CRIU_GRACE_MS);
  });
  await steps.do('killing the copy', async () => {
    // Children first: the end of a parent would set a stopped child free before its turn comes.
    for (const task of (await copyTasks(entry)).reverse()) await endTask(task, 0);
    if ((await copyTasks(entry)).length > 0) throw new Error('it does not end');
  });
  if (container)
    await steps.do(`deleting the container ${container.name}`, () =>
      deleteContainer(container, container.bundle),
    );
  if (made) await steps.do('removing the container', () => removeMade(made));
  if (address) await steps.do('giving the address back', () => giveBack(address));
  if (reservations) await steps.do('ending reservations', () => reserveHere(reservations, 0));
  if (connections) await steps.do('unlocking TCP', () => new TcpLock(id, connections, netns).abandon());
  for (const file of files) await steps.do(`putting ${file.path} back`, () => putBack(file, id));
}

async function putBack({ path, existed }: { path: string; existed: boolean }, id: string): Promise<void> {
  const backup = `${path}.${id}.old`;
  await rm(`${path}.${id}.new`, { force: true });
  const isAside = await stat(backup).then(
    () => true,
    () => false,
  );
  if (isAside) await rename(backup, path);
  else if (!existed) await rm(path, { force: true });
}

/** Present or not: CRIU removes it itself when it rolls back. */
async function unlockDump(dir: string, netns?: string): Promise<void> {
  await removeNetworkLock(dir, { required: false, netns });
}

async function takeBack({ cidr, dev, netns, routes = [] }: MovedAddress): Promise<void> {
  await addAddress(cidr, dev, netns);
  const { problems } = await addRoutes(netns, dev, cidr, routes);
  if (problems.length > 0) throw new Error(problems.join('; '));
}

async function giveBack({ cidr, dev, netns, routes = [] }: MovedAddress): Promise<void> {
  const has = netns
    ? (await linksIn(netns)).some(
        ({ name, addresses }) => name === dev && addresses.includes(`${cidr.ip}/${cidr.prefix}`),
      )
    : localAddresses().some((local) => local.ip === cidr.ip && local.dev === dev);
  if (!has) return;
  await removeRoutes(netns, dev, cidr, routes);
  await removeAddress(cidr, dev, netns);
}

async function resumeAll(pids: number[]): Promise<void> {
  const { failures } = await resumeContexts(pids);
  if (failures.length > 0) throw new Error(failures.join('; '));
}

async function tellNeighbours({ cidr, dev, netns }: MovedAddress): Promise<void> {
  const announcer = await arpAnnouncer();
  if (announcer) await announce(cidr, dev, announcer, netns);
}
