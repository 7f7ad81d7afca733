import { resolve } from 'node:path';
import { RoamError } from '../errors.js';
import type { AgentClient } from './agent/client.js';
import type { Way } from './agent/transport.js';
import type { DataWay } from './data-link.js';
import { SshForward } from './ssh-forward.js';
import { isTls, parseTls } from './tls/address.js';
import type { TlsSession } from './tls/session.js';
import type { InspectOptions } from './types.js';

/**
 * The way to the destination, as it is asked for. Paths become absolute: a journal keeps them for whoever comes later.
 *
 * @throws RoamError BAD_ADDRESS, TLS_OPTIONS
 */
export function wayOf({
  to,
  ssh = [],
  remoteRoam = ['roam'],
  criu = 'criu',
  tls,
  sync = [],
  target,
}: InspectOptions): Way {
  const way = { host: to, ssh: ssh.length > 0 ? ssh : ['ssh'], roam: remoteRoam, criu };
  if (!isTls(to)) {
    if (!tls) return way;
    throw new RoamError('TLS_OPTIONS', `certificates were given, and ${to} is an ssh destination`, {
      remedy: `write --to tls://${to}:PORT, or leave --cert, --key and --peer-cert out`,
    });
  }
  parseTls(to);
  if (!tls || tls.peerCerts.length === 0)
    throw new RoamError('TLS_OPTIONS', `${to} needs --cert, --key and --peer-cert`, {
      remedy: 'docs/access.md says how to make them',
    });
  if (sync.length > 0 || /^(docker|podman):/.test(target))
    throw new RoamError(
      'TLS_OPTIONS',
      `${sync.length > 0 ? '--sync' : 'what a container has written'} goes by rsync over ssh, which --to tls:// does without`,
      {
        remedy: 'move it with --to HOST, or bring the files there beforehand',
      },
    );
  const { cert, key, peerCerts } = tls;
  const files = { cert: resolve(cert), key: resolve(key), peerCerts: peerCerts.map((path) => resolve(path)) };
  return { ...way, tls: files };
}

/**
 * Connections for data, on the same way as the requests.
 *
 * @param dir directory of this host that only root may enter
 * @param remotePath the agent's socket
 * @throws RoamError DATA_LINK_FAILED
 */
export async function openDataWay(
  way: Way,
  agent: AgentClient,
  dir: string,
  remotePath: string,
): Promise<DataWay> {
  if (!isTls(way.host)) return SshForward.open(way, dir, remotePath);
  const session = agent.transport as TlsSession;
  return {
    connect: () => session.connectData(),
    failure: async () => new RoamError('DATA_LINK_FAILED', `no way for data to ${way.host}: it hung up`),
    close: async () => {},
  };
}
