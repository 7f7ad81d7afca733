// Which hosts a fleet has, and how each is asked.
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { RoamError } from '../errors.js';
import { localAddresses } from '../migrate/address.js';
import { AgentClient } from '../migrate/agent/client.js';
import type { AgentOp, AgentOps } from '../migrate/agent/protocol.js';
import { survey } from '../migrate/agent/survey.js';
import { setRanges } from '../migrate/ranges.js';
import { wayOf } from '../migrate/way.js';
import type { FleetOptions } from './types.js';

export const NODES_FILE = '/etc/roam/nodes';

/** One host a line; `#` begins a comment. */
export const parseNodesFile = (text: string): string[] => [
  ...new Set(text.split('\n').flatMap((line) => line.replace(/#.*/, '').trim() || [])),
];

/**
 * Hosts of a file; undefined: it is not there, and nobody has named it.
 *
 * @throws RoamError NODES_FILE
 */
export async function readNodesFile(named?: string): Promise<string[] | undefined> {
  const path = named ?? NODES_FILE;
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT' && named === undefined) return undefined;
    throw new RoamError('NODES_FILE', `${path} cannot be read: ${cause.message}`, {
      cause,
      remedy: 'write one host a line, as ssh or tls:// names it',
    });
  });
  if (text === undefined) return undefined;
  const hosts = parseNodesFile(text);
  if (hosts.length === 0) throw new RoamError('NODES_FILE', `${path} names no host`);
  return hosts;
}

/** Whether a name is one of this host: it is asked without ssh. */
export function isHere(host: string): boolean {
  const name = host.replace(/^[^@/]*@/, '');
  return name === hostname() || name === 'localhost' || localAddresses().some(({ ip }) => ip === name);
}

type FleetOp = Extract<AgentOp, 'survey' | 'setRanges'>;

/**
 * Asks one host, this one directly.
 *
 * @throws RoamError when it cannot be reached, or does not do it
 */
export async function ask<Op extends FleetOp>(
  host: string,
  op: Op,
  args: AgentOps[Op]['args'],
  options: FleetOptions,
): Promise<AgentOps[Op]['result']> {
  if (isHere(host)) return here(op, args, options);
  const { ssh, remoteRoam, criu, tls } = options;
  const way = wayOf({
    target: '',
    to: host,
    ...(ssh ? { ssh } : {}),
    ...(remoteRoam ? { remoteRoam } : {}),
    ...(criu ? { criu } : {}),
    ...(tls && host.startsWith('tls://') ? { tls } : {}),
  });
  await using agent = await AgentClient.connect(way);
  return await agent.request(op, args);
}

async function here<Op extends FleetOp>(
  op: Op,
  args: AgentOps[Op]['args'],
  { criu = 'criu' }: FleetOptions,
): Promise<AgentOps[Op]['result']> {
  const answers: { [Name in FleetOp]: (args: AgentOps[Name]['args']) => Promise<AgentOps[Name]['result']> } =
    {
      survey: () => survey(criu),
      setRanges: ({ ranges }) => setRanges(ranges).then(() => null),
    };
  return answers[op](args);
}
