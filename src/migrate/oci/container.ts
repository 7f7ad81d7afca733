// A container of runc or crun: what its bundle says, and where its files are on the host.
import { readFile } from 'node:fs/promises';
import { isAbsolute, join, normalize } from 'node:path';
import { RoamError } from '../../errors.js';
import type { DockerContainer } from '../docker/container.js';
import { sysctlOfNetwork } from '../netns/own.js';
import type { PodmanContainer } from '../podman/container.js';
import { tryRun } from '../run.js';
import { type Named, RUNTIMES, type Runtime } from './runtime.js';

/** A directory or file of the host that a container sees at another place. */
export interface Bind {
  source: string;
  destination: string;
  writable: boolean;
}

export interface Container extends Named {
  pid: number;
  /** Directory of config.json. */
  bundle: string;
  /** Host path of the root file system. */
  rootfs: string;
  readonly: boolean;
  binds: Bind[];
  /** Where it has file systems of its own: proc, tmpfs and the like. */
  ownMounts: string[];
  /** Path of the network namespace that it has joined. */
  netns?: string;
  /** What config.json sets below /proc/sys/net. */
  sysctl?: Record<string, string>;
  /** Types of the other namespaces that it joined by a path (`ipc`), and that it has of its own. */
  joined: string[];
  own: string[];
  /** The cgroup is systemd's to make. */
  systemdCgroup: boolean;
  /** Where the runtime keeps its record, if not in its own place. */
  root?: string;
  /** Docker's part, where it is one of Docker's; its name is the id then. */
  docker?: DockerContainer;
  /** The same for Podman. */
  podman?: PodmanContainer;
  /** Directories of this host that are not looked for at the destination: there they are made in other places. */
  madeAnew?: string[];
}

interface Spec {
  root: { path: string; readonly?: boolean };
  mounts?: { destination: string; type?: string; source?: string; options?: string[] }[];
  linux?: {
    namespaces?: { type: string; path?: string }[];
    cgroupsPath?: string;
    sysctl?: Record<string, string>;
  };
}

interface State {
  pid: number;
  status: string;
  bundle: string;
}

const TARGET = new RegExp(`^(${RUNTIMES.join('|')}):(.*)$`);

/** The container that a target such as `runc:web` names; undefined: it names something else. */
export function containerName(target: string): Named | undefined {
  const [, runtime, name = ''] = TARGET.exec(target) ?? [];
  if (!runtime) return undefined;
  // The rule of runc itself, but for what would be an option.
  if (!/^[\w+.][\w+.-]*$/.test(name))
    throw new RoamError('BAD_TARGET', `"${name}" is no name of a container`, {
      remedy: `see \`${runtime} list\``,
    });
  return { runtime: runtime as Runtime, name };
}

/**
 * @param root Where the runtime keeps its records, if not in its own place.
 * @throws RoamError NO_SUCH_CONTAINER, CONTAINER_NOT_RUNNING, BUNDLE_UNREADABLE
 */
export async function readContainer(named: Named, root?: string): Promise<Container> {
  const { runtime, name } = named;
  const { pid, status, bundle } = await stateOf(named, root);
  if (status !== 'running') {
    throw new RoamError('CONTAINER_NOT_RUNNING', `the container ${name} is ${status}`, {
      remedy: status === 'paused' ? `${runtime} resume ${name}` : 'only a running container can move',
    });
  }
  const text = await readFile(`${bundle}/config.json`, 'utf8').catch((cause) => {
    throw new RoamError('BUNDLE_UNREADABLE', `${bundle}/config.json cannot be read: ${cause.message}`, {
      cause,
    });
  });
  return { runtime, name, pid, bundle, ...parseSpec(text, bundle), ...(root ? { root } : {}) };
}

async function stateOf({ runtime, name }: Named, root?: string): Promise<State> {
  const args = [...(root ? ['--root', root] : []), 'state', name];
  const { exitCode, stdout, stderr } = await tryRun(runtime, args);
  if (exitCode === 0) return JSON.parse(stdout) as State;
  throw new RoamError(
    'NO_SUCH_CONTAINER',
    `${runtime} knows no container ${name} on this host (${stderr.trim()})`,
    {
      remedy: `see \`${runtime} list\`; the name is that of \`${runtime} run NAME\``,
    },
  );
}

/** What config.json says of files and namespaces. @throws SyntaxError when it is no JSON */
export function parseSpec(
  text: string,
  bundle: string,
): Omit<Container, 'runtime' | 'name' | 'pid' | 'bundle'> {
  const { root, mounts = [], linux = {} } = JSON.parse(text) as Spec;
  const absolute = (path: string) => normalize(isAbsolute(path) ? path : join(bundle, path));
  const binds: Bind[] = [];
  const ownMounts: string[] = [];
  for (const { destination, type, source = '', options = [] } of mounts) {
    const isBind = type === 'bind' || options.includes('bind') || options.includes('rbind');
    if (isBind) binds.push({ source: absolute(source), destination, writable: !options.includes('ro') });
    else ownMounts.push(destination);
  }
  const namespaces = linux.namespaces ?? [];
  const netns = namespaces.find(({ type }) => type === 'network')?.path;
  return {
    rootfs: absolute(root.path),
    readonly: root.readonly ?? false,
    binds,
    ownMounts,
    ...(netns ? { netns } : {}),
    sysctl: sysctlOfNetwork(linux.sysctl),
    joined: namespaces.filter(({ path, type }) => path && type !== 'network').map(({ type }) => type),
    own: namespaces.filter(({ path }) => !path).map(({ type }) => type),
    systemdCgroup: /^[^/:]*:[^:]*:[^:]*$/.test(linux.cgroupsPath ?? ''),
  };
}

/** Where the host has a file of the container; undefined: on a file system of the container's own. */
export function hostPath({ rootfs, binds, ownMounts }: Container, path: string): string | undefined {
  const below = (root: string) => path === root || path.startsWith(`${root.replace(/\/$/, '')}/`);
  const mount = [...binds, ...ownMounts.map((destination) => ({ destination, source: undefined }))]
    .filter(({ destination }) => below(destination))
    .sort((a, b) => b.destination.length - a.destination.length)[0];
  if (!mount) return normalize(rootfs + path).replace(/(?<=.)\/$/, '');
  return mount.source === undefined ? undefined : mount.source + path.slice(mount.destination.length);
}

/** {@link hostPath} for the files of a container; undefined: those of the host are where they say they are. */
export const placeOf = (container: Container | undefined) =>
  container &&
  ((path: string) => {
    const place = hostPath(container, path);
    const isBelow = (root: string) => place === root || place?.startsWith(`${root}/`);
    return container.madeAnew?.some(isBelow) ? undefined : place;
  });

/** Whether Docker or Podman keeps it: they make its network, its bundle, and the pipes of its output. */
export const isManaged = ({ docker, podman }: Container): boolean => Boolean(docker ?? podman);

/** The options of the runtime itself that its commands for this container take. */
export const globalOptions = ({
  systemdCgroup,
  root,
}: Pick<Container, 'systemdCgroup' | 'root'>): string[] => [
  ...(systemdCgroup ? ['--systemd-cgroup'] : []),
  ...(root ? ['--root', root] : []),
];
