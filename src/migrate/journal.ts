// What each host remembers of a migration, so that whoever comes later can finish or undo it.
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { RoamError } from '../errors.js';
import type { Reservation } from '../rxe/index.js';
import type { MovedAddress } from './address.js';
import type { Made, Ties } from './managed/move.js';
import type { Named } from './oci/runtime.js';
import type { TaskId } from './task-id.js';
import type { TcpEnds } from './tcp.js';
import type { TlsFiles } from './tls/identity.js';

/** The process tree as it was at the source before the freeze. */
export interface Origin {
  hostname: string;
  /** /proc/sys/kernel/random/boot_id of the source. */
  boot: string;
  root: TaskId;
  pids: number[];
  /** Tasks that were stopped already, and stay so. */
  stopped: number[];
  /** Verbs contexts. */
  contexts: number;
}

/** How the other host is reached. */
export interface OtherSide {
  /** ssh destinations, or `tls://HOST:PORT`, to try, best first. */
  hosts: string[];
  ssh: string[];
  roam: string[];
  criu: string;
  /** Where the certificates and the key lie; never what is in them. */
  tls?: TlsFiles;
}

/**
 * One migration as one host sees it. It holds hints only: what is true is looked up in the kernel, by start times,
 * boot ids, states of QPs, addresses and tables.
 */
export interface JournalEntry {
  id: string;
  role: 'source' | 'destination';
  /** Boot of this host. */
  boot: string;
  /** The engine or agent that is at work; absent once it has given up. */
  owner?: TaskId;
  other: OtherSide;
  /** Directory of the images here. */
  dir: string;
  /** The step that was begun last. */
  phase: string;
  origin: Origin;
  /** The address that moves. */
  address?: MovedAddress;
  /** Source: TCP connections were locked by CRIU. */
  locked?: boolean;
  /** Path of the network namespace in which connections are silenced, if it is not that of the host. */
  netns?: string;
  /** Destination: connections whose packets are dropped until the commit. */
  connections?: TcpEnds[];
  /** Destination: QPs for which it answers while they are on neither host. */
  reservations?: Reservation[];
  /** Destination: carried files, and whether there was another one at their place. */
  files?: { path: string; existed: boolean }[];
  /** Destination: the copy is made from this moment on, clock ticks since boot. */
  since?: string;
  /** Destination: the container that the copy is made as. */
  container?: Named & { bundle: string };
  /** Destination: the container that Docker or Podman has made for the copy. */
  made?: Made;
  /** Source: what the container of Docker or Podman that is to move may have been taken from. */
  ties?: Ties;
  /** Destination: every process of the copy. */
  pids?: number[];
  /** Destination: the copy as the restore left it; absent when it did not end well. */
  copy?: TaskId[];
  /** Destination: the source has found the copy whole. */
  verified?: boolean;
  /** Source: the tasks that ran get a stop signal, or have it; they stop when CRIU lets go of them. */
  stopSignal?: boolean;
  /** Source: CRIU is being told to end the process, or was. Written before that. */
  consented?: boolean;
  /** Destination: memory of the copy comes still, through the owner: without it, the copy is lost. */
  lazy?: boolean;
  /** Destination: QPs and tasks were let go. */
  resumed?: boolean;
  /**
   * How it ended here, while the other side may not know yet. Invariant: written and synced before the first
   * thing that it allows, and never changed: what was undone here is undone there too, whatever becomes of it.
   */
  settled?: 'finish' | 'undo';
  /** Source: nothing is left to be done here; the other side may not know yet. */
  cleared?: boolean;
}

export const STATE_DIRECTORY = '/var/lib/roam';

const fileOf = (directory: string, id: string): string => {
  if (!/^\w[\w.-]*$/.test(id)) throw new RoamError('BAD_ID', `"${id}" is no name of a migration`);
  return `${directory}/${id}.json`;
};

/** Replaces the file whole: a reader sees the old entry or the new one. */
async function write(directory: string, entry: JournalEntry, sync: boolean): Promise<void> {
  const path = fileOf(directory, entry.id);
  const next = `${path}.new`;
  {
    await using file = await open(next, 'w', 0o600);
    await file.writeFile(`${JSON.stringify(entry)}\n`);
    if (sync) await file.sync();
  }
  await rename(next, path);
  if (sync) await syncDirectory(directory);
}

async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, 'r');
  await directory.sync();
}

/** The journal of one migration on this host. */
export class Journal {
  #entry: JournalEntry;
  /** Writes follow one another; a failed one is told to its caller and no other. */
  #last: Promise<unknown> = Promise.resolve();
  #removed = false;

  private constructor(
    entry: JournalEntry,
    private readonly directory: string,
  ) {
    this.#entry = entry;
  }

  /** Resolves when the entry is on the disk. @throws Error of the file system */
  static async create(entry: JournalEntry, directory = STATE_DIRECTORY): Promise<Journal> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await write(directory, entry, true);
    return new Journal(entry, directory);
  }

  /** Takes over an entry that another process wrote. */
  static of(entry: JournalEntry, directory = STATE_DIRECTORY): Journal {
    return new Journal(entry, directory);
  }

  get entry(): JournalEntry {
    return this.#entry;
  }

  /**
   * Adds to the entry. It is not synced: what it tells is of use only as long as this kernel lives, and the
   * process is frozen meanwhile.
   */
  mark(fields: Partial<JournalEntry>): Promise<void> {
    return this.#write(fields, false);
  }

  /** Adds to the entry, and resolves when that is on the disk. */
  settle(fields: Partial<JournalEntry>): Promise<void> {
    return this.#write(fields, true);
  }

  /** Nothing of the migration is left here. */
  remove(): Promise<void> {
    this.#removed = true;
    return this.#queue(() => rm(fileOf(this.directory, this.#entry.id), { force: true }));
  }

  #write(fields: Partial<JournalEntry>, sync: boolean): Promise<void> {
    if (this.#removed) return Promise.resolve();
    this.#entry = { ...this.#entry, ...fields };
    const entry = this.#entry;
    return this.#queue(() => write(this.directory, entry, sync));
  }

  #queue(work: () => Promise<void>): Promise<void> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }
}

/** @throws RoamError JOURNAL_BROKEN */
export async function readJournal(
  id: string,
  directory = STATE_DIRECTORY,
): Promise<JournalEntry | undefined> {
  const path = fileOf(directory, id);
  const text = await ifThere(readFile(path, 'utf8'));
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as JournalEntry;
  } catch (cause) {
    throw new RoamError('JOURNAL_BROKEN', `${path} is no journal of a migration`, {
      cause,
      remedy: 'look for stopped processes and for images in /dev/shm by hand, then remove the file',
    });
  }
}

/** Nothing there is an answer; what may not be read is none. */
function ifThere<T>(reading: Promise<T>): Promise<T | undefined> {
  return reading.catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

/** Every migration that is not over on this host, oldest first. @throws RoamError JOURNAL_BROKEN */
export async function readJournals(directory = STATE_DIRECTORY): Promise<JournalEntry[]> {
  const names = await ifThere(readdir(directory));
  const ids = (names ?? []).filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -5));
  // One may be over by the time it is read.
  const entries = await Promise.all(ids.sort().map((id) => readJournal(id, directory)));
  return entries.filter((entry) => entry !== undefined);
}
