// The Docker Engine API, over the daemon's own socket.
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { RoamError } from '../../errors.js';

const SOCKET = '/var/run/docker.sock';

/** What the daemon answered other than 2xx; 0: it did not answer. */
export class DockerError extends RoamError {
  constructor(
    readonly status: number,
    message: string,
    remedy?: string,
  ) {
    super('DOCKER_FAILED', message, remedy ? { remedy } : {});
  }
}

/**
 * One call. `path` begins after the version: the daemon's newest is what is spoken.
 *
 * @throws DockerError
 */
export async function docker<T = unknown>(
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  body?: unknown,
): Promise<T> {
  const sent = body === undefined ? undefined : JSON.stringify(body);
  const { status, said } = await new Promise<{ status: number; said: string }>((resolve, reject) => {
    const headers = sent === undefined ? {} : { 'content-type': 'application/json' };
    const call = request({ socketPath: SOCKET, method, path, headers }, (response) => {
      text(response).then((words) => resolve({ status: response.statusCode ?? 0, said: words }), reject);
    });
    call.once('error', reject);
    call.end(sent);
  }).catch((error: Error) => {
    throw new DockerError(0, `the Docker daemon does not answer: ${error.message}`, 'start dockerd');
  });
  if (status >= 200 && status < 300) return (said === '' ? undefined : JSON.parse(said)) as T;
  throw new DockerError(status, `docker: ${messageIn(said) ?? `${method} ${path}: status ${status}`}`);
}

function messageIn(said: string): string | undefined {
  try {
    return (JSON.parse(said) as { message?: string }).message;
  } catch {
    return undefined;
  }
}

/** Like {@link docker}; undefined: there is no such thing. */
export function find<T>(path: string): Promise<T | undefined> {
  return docker<T>('GET', path).catch((error: DockerError) => {
    if (error.status === 404) return undefined;
    throw error;
  });
}

/** What the daemon says of itself (`GET /info`), as far as a migration asks. */
export interface DockerInfo {
  ServerVersion: string;
  /** Storage driver. */
  Driver: string;
  DockerRootDir: string;
  ExperimentalBuild: boolean;
  Swarm?: {
    LocalNodeState: string;
    ControlAvailable?: boolean;
    RemoteManagers?: { NodeID: string }[] | null;
  };
}

export const dockerInfo = (): Promise<DockerInfo> => docker('GET', '/info');
