// The options that `roam check` and `roam migrate` have in common.
import { type Command, InvalidArgumentError } from 'commander';
import { RoamError } from '../errors.js';
import type { InspectOptions } from '../migrate/index.js';

export interface WayFlags {
  cert?: string;
  key?: string;
  peerCert?: string[];
  ssh: string;
  remoteRoam: string;
  criu: string;
}

export interface InspectFlags extends WayFlags {
  to: string;
  ip?: string;
  ipDev?: string;
  tcpClose?: boolean;
  carryLimit: number;
  sync?: string[];
  copyImage?: boolean;
  postCopy?: boolean;
  peer?: string[];
  json?: boolean;
}

const MIB = 1048576;

const words = (text: string): string[] => text.split(' ').filter(Boolean);

export const append = (value: string, before: string[] = []): string[] => [...before, value];

/** A number for an option, 0 or more. @throws CommanderError that names the option */
export function amount(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 0)
    throw new InvalidArgumentError(`"${text}" is not a number of 0 or more.`);
  return value;
}

/** How other hosts are reached. */
export function wayFlags(command: Command): Command {
  return command
    .option('--cert <file>', "tls: this host's certificate")
    .option('--key <file>', 'tls: its key')
    .option('--peer-cert <file>', "tls: the other host's certificate (repeatable)", append)
    .option('--ssh <command>', 'ssh command with its options', 'ssh')
    .option('--remote-roam <command>', 'roam at the other host', 'roam')
    .option('--criu <path>', 'criu binary on all hosts', 'criu');
}

export function inspectFlags(command: Command): Command {
  command.requiredOption('--to <host>', 'ssh destination, whose user must be root, or tls://HOST:PORT');
  return wayFlags(command)
    .option(
      '--ip <address/prefix>',
      "an address that moves with the process; auto: the one it uses that is not the host's own, if any",
    )
    .option(
      '--ip-dev <device>',
      "network device that takes it (default: that of the destination's rxe device; in a network namespace the one of the same name)",
    )
    .option('--tcp-close', 'restore TCP connections as closed instead of moving them')
    .option('--carry-limit <MiB>', 'largest file that is copied along', amount, 64)
    .option('--sync <path>', 'a directory that rsync brings there, again in the freeze (repeatable)', append)
    .option(
      '--copy-image',
      'of a container of Docker or Podman: bring its image along if it is missing there',
    )
    .option(
      '--post-copy',
      'send private memory when the process runs already; if a host or the link fails meanwhile, it is lost',
    )
    .option(
      '--peer <host>',
      'ssh destination of a host with peers: ask which module it runs (repeatable)',
      append,
    )
    .option('--json', 'print the report as JSON');
}

/** @throws RoamError TLS_OPTIONS when only some are given */
export function tlsOptions({ cert, key, peerCert }: Pick<WayFlags, 'cert' | 'key' | 'peerCert'>) {
  if (cert === undefined && key === undefined && peerCert === undefined) return {};
  if (cert !== undefined && key !== undefined && peerCert !== undefined)
    return { tls: { cert, key, peerCerts: peerCert } };
  throw new RoamError('TLS_OPTIONS', '--cert, --key and --peer-cert belong together', {
    remedy: 'give all three',
  });
}

export function wayOptions(flags: WayFlags) {
  const { ssh, remoteRoam, criu } = flags;
  return { ...tlsOptions(flags), ssh: words(ssh), remoteRoam: words(remoteRoam), criu };
}

export function inspectOptions(target: string, flags: InspectFlags): InspectOptions {
  return {
    target,
    to: flags.to,
    ...(flags.ip ? { ip: flags.ip } : {}),
    ...(flags.ipDev ? { ipDevice: flags.ipDev } : {}),
    ...wayOptions(flags),
    tcpClose: flags.tcpClose ?? false,
    carryLimit: flags.carryLimit * MIB,
    sync: flags.sync ?? [],
    copyImage: flags.copyImage ?? false,
    postCopy: flags.postCopy ?? false,
    peers: flags.peer ?? [],
  };
}
