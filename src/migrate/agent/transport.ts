// How requests get to an agent and answers back.
import type { Readable, Writable } from 'node:stream';
import { RoamError } from '../../errors.js';
import { start } from '../run.js';
import { isTls } from '../tls/address.js';
import type { TlsFiles } from '../tls/identity.js';

/** The way to another host. */
export interface Way {
  /** ssh destination, or `tls://HOST:PORT`. */
  host: string;
  ssh: string[];
  roam: string[];
  /** criu binary there. */
  criu: string;
  /** Needed for `tls://`. */
  tls?: TlsFiles;
  /** For the connection to be made, in milliseconds. Default 15 s. */
  timeoutMs?: number;
}

export interface Transport {
  input: Writable;
  output: Readable;
  /** Resolves when it is gone, to the reason. */
  ended: Promise<RoamError>;
  /** Ends it at once. */
  kill(): void;
}

/** What to make work, in words. */
export const waysTo = (host: string): string => (isTls(host) ? `the listener of ${host}` : `ssh to ${host}`);

export const SSH_OPTIONS = ['-o', 'BatchMode=yes', '-o', 'ConnectTimeout=15', '-o', 'ServerAliveInterval=5'];

/** Quotes an argument for the shell that sshd starts. */
export function shellQuote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** A shell with administrator directories on PATH: a non-interactive login often lacks them. */
export function remoteCommand(words: string[]): string {
  return `PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin" exec ${words.map(shellQuote).join(' ')}`;
}

/** @throws RoamError TLS_OPTIONS and what {@link TlsSession.open} throws; a failure of ssh shows as its end */
export async function openTransport(way: Way): Promise<Transport> {
  if (!isTls(way.host)) return startSsh(way);
  if (!way.tls)
    throw new RoamError('TLS_OPTIONS', `${way.host} needs certificates`, {
      remedy: 'give --cert, --key and --peer-cert (docs/access.md says how to make them)',
    });
  // Loaded when it is needed: most migrations wait for the start of `roam` and go by ssh.
  const { TlsSession } = await import('../tls/session.js');
  return TlsSession.open(way.host, way.tls, { timeoutMs: way.timeoutMs });
}

function startSsh({ host, ssh, roam, timeoutMs }: Way): Transport {
  const [file = 'ssh', ...options] = ssh;
  const limit = timeoutMs === undefined ? [] : ['-o', `ConnectTimeout=${Math.ceil(timeoutMs / 1000)}`];
  const { child, exited } = start(file, [
    ...options,
    ...limit,
    ...SSH_OPTIONS,
    '--',
    host,
    remoteCommand([...roam, 'agent']),
  ]);
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString()).slice(-4000);
  });
  return {
    input: child.stdin,
    output: child.stdout,
    ended: exited.then(({ exitCode }) => explain(host, exitCode, stderr)),
    kill: () => child.kill('SIGKILL'),
  };
}

function explain(host: string, exitCode: number, stderr: string): RoamError {
  const words = stderr.trim().split('\n').at(-1) ?? '';
  if (exitCode === 127) {
    return new RoamError('AGENT_MISSING', `there is no roam command on ${host}: ${words}`, {
      remedy: `install roam-rdma on ${host}, or name the command with --remote-roam`,
    });
  }
  if (exitCode === 255) {
    return new RoamError('SSH_FAILED', `ssh to ${host} failed: ${words || 'connection lost'}`, {
      remedy: `make \`ssh ${host} true\` work as root without a prompt`,
    });
  }
  if (exitCode < 0) {
    return new RoamError('AGENT_GONE', `the connection to ${host} was lost: ssh was killed, or nothing came`);
  }
  return new RoamError('AGENT_GONE', `the agent on ${host} ended (exit code ${exitCode}): ${words}`);
}
