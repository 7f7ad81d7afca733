// What an agent does for a migration whose own connection is lost.
import { spawn } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { RoamError } from '../../errors.js';
import { commandFile } from '../../package-root.js';
import { decide } from '../decide.js';
import { type JournalEntry, type Origin, type OtherSide, readJournal } from '../journal.js';
import { destinationState, endTask, sourceState } from '../lookup.js';
import { settleDestination, settleSource } from '../settle-host.js';
import { tlsWayBack } from '../tls/way-back.js';
import type { AgentOps } from './protocol.js';

type Handler<Op extends keyof AgentOps> = (args: AgentOps[Op]['args']) => Promise<AgentOps[Op]['result']>;

/** An agent whose connection has ended may still be at a restore, which it undoes. */
const AGENT_GRACE_MS = 20_000;

/** How the source may be reached from here: by its name, or by the address from which it came. */
export function wayBack({ hostname }: Origin, criu: string): OtherSide {
  const tls = tlsWayBack();
  if (tls) return { hosts: [tls.host], ssh: ['ssh'], roam: ['roam'], criu, tls: tls.tls };
  const client = process.env.SSH_CONNECTION?.split(' ')[0];
  return { hosts: [hostname, ...(client ? [client] : [])], ssh: ['ssh'], roam: ['roam'], criu };
}

/** Whether each carried file will replace another one. */
export function places(paths: string[]): Promise<NonNullable<JournalEntry['files']>> {
  return Promise.all(
    paths.map(async (path) => ({
      path,
      existed: await stat(path).then(
        () => true,
        () => false,
      ),
    })),
  );
}

/** The command that finds out by itself what became of the other host, for ten minutes. */
export const recoveryCommand = (id: string): string[] => [
  process.execPath,
  commandFile,
  'recover',
  id,
  '--background',
];

export function startRecovery(id: string): void {
  const [file = '', ...args] = recoveryCommand(id);
  spawn(file, args, { detached: true, stdio: 'ignore' })
    .on('error', () => {})
    .unref();
}

export const findCopy: Handler<'findCopy'> = async ({ id, takeOver }) => {
  const entry = await readJournal(id);
  if (takeOver && entry?.owner) await endTask(entry.owner, AGENT_GRACE_MS);
  return { state: await destinationState(await readJournal(id)) };
};

export const settleCopy: Handler<'settleCopy'> = async ({ id, action }) => {
  const entry = await readJournal(id);
  return { warnings: entry ? await settleDestination(entry, action) : [] };
};

export const findSource: Handler<'findSource'> = async ({ id, origin }) => ({
  state: await sourceState(origin, await readJournal(id)),
});

/** The other host has decided by what it was told; it is checked once more where the process is. */
export const settleOwn: Handler<'settleSource'> = async ({ id, action }) => {
  const entry = await readJournal(id);
  if (!entry) return { warnings: [] };
  const state = await sourceState(entry.origin, entry);
  const right = decide(state, action === 'finish' ? 'running' : 'absent').action;
  if (right !== action) {
    throw new RoamError(
      'RECOVERY_CONFLICT',
      `the process is ${state} here, and "${action}" does not fit that`,
    );
  }
  return { warnings: await settleSource(entry, action) };
};
