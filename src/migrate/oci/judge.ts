// Whether a container can move, and whether the destination is ready for it.
import { readFile } from 'node:fs/promises';
import type { AgentClient } from '../agent/client.js';
import { DIRECTORY, MISSING } from '../agent/facts.js';
import { HASH_LIMIT, sha256 } from '../files.js';
import { Findings } from '../findings.js';
import { judgeInside } from '../netns/judge.js';
import { isPodmanBundle } from '../podman/container.js';
import { readTask, type Task } from '../proc.js';
import type { SourceFacts } from '../source.js';
import { isSynced } from '../sync.js';
import type { Finding } from '../types.js';
import type { Container } from './container.js';
import { runtimeVersion } from './runtime.js';

/** Namespaces that CRIU makes again for a container. */
const MOVABLE = new Set(['mnt', 'pid', 'ipc', 'uts', 'net']);

/** What the container itself has that cannot move. */
export function judgeContainer(source: SourceFacts, container: Container, sync: string[]): Finding[] {
  const { hostname: host, foreignNamespaces, inside } = source;
  const { name, joined, rootfs, readonly, binds } = container;
  const found = new Findings(host);
  if (isPodmanBundle(container.bundle))
    found.error(
      'CONTAINER_MANAGED',
      `the container ${name} is one of Podman's, which would miss it`,
      'move it by its name there: podman:NAME, see `podman ps`',
    );
  const others = foreignNamespaces.filter((type) => !MOVABLE.has(type));
  if (inside) found.list.push(...judgeInside(source, container, inside));
  if (others.includes('user'))
    found.error('USER_NAMESPACE', `the container ${name} has a user namespace of its own`);
  if (joined.length > 0)
    found.error(
      'NAMESPACE_SHARED',
      `the container ${name} has joined namespaces by path (${joined.join(', ')})`,
    );
  if (!readonly && !isSynced(rootfs, sync)) {
    found.error(
      'ROOTFS_STAYS',
      `the container ${name} may have written to its root file system, ${rootfs}`,
      `bring it along: --sync ${container.bundle}; or run it with root.readonly`,
    );
  }
  for (const { source: path, destination, writable } of binds) {
    if (writable && !isSynced(path, sync))
      found.warning(
        'BIND_STAYS',
        `of ${path}, which is ${destination} in the container, only files that are open now go along`,
        `--sync ${path}`,
      );
  }
  return found.list;
}

/** Processes in the container that its first one has not started: they would end with it. */
export async function judgeGuests(
  { hostname, pid }: SourceFacts,
  { runtime }: Container,
): Promise<Finding[]> {
  const found = new Findings(hostname);
  const group = /^0::(.*)$/m.exec(await readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => ''))?.[1];
  const members = await readFile(`/sys/fs/cgroup${group}/cgroup.procs`, 'utf8').catch(() => '');
  for (const member of members.split('\n').filter(Boolean).map(Number)) {
    const task = await readTask(member).catch(() => undefined);
    if (task && !(await descends(task, pid)))
      found.error(
        'PROCESS_FROM_OUTSIDE',
        `process ${member} (${task.comm}) was started in the container from outside`,
        `end what \`${runtime} exec\` has started there`,
      );
  }
  return found.list;
}

/** What the kernel opens by mounts of its own, which CRIU knows; terminals and pipes are judged elsewhere. */
const OF_THE_KERNEL = /^(?!\/)|^\/(memfd:|SYSV|anon_hugepage|\[|dev\/(pts|zero|hugepages)\b)/;

/** Files that came into the container open, and lie outside of it: CRIU finds no mount of the container for them. */
export async function judgeOpen(
  { hostname, pids, fds }: SourceFacts,
  { runtime, name }: Container,
): Promise<Finding[]> {
  const found = new Findings(hostname);
  const read = (pid: number) => readFile(`/proc/${pid}/mountinfo`, 'utf8').catch(() => '');
  const lines = (await Promise.all(pids.map(read))).flatMap((text) => text.split('\n'));
  const mounts = new Set(lines.map((line) => Number.parseInt(line, 10)));
  const outside = new Map(
    fds
      .filter(({ link, mount }) => mount !== undefined && !mounts.has(mount) && !OF_THE_KERNEL.test(link))
      .map((fd) => [fd.link, fd]),
  );
  for (const { pid, fd, link } of outside.values())
    found.error(
      'FILE_OUTSIDE',
      `process ${pid} of the container ${name} has ${link} open (descriptor ${fd}), a file of the host outside of the container`,
      `let it write to a file in the container, or to a socket; the output of \`${runtime} run --detach\` is such a file`,
    );
  return found.list;
}

/** By its parents: the list of the tree is older than that of the cgroup. One that ends meanwhile is nobody's. */
async function descends(task: Task, root: number): Promise<boolean> {
  for (let at: Task | undefined = task; at; at = await readTask(at.ppid).catch(() => undefined)) {
    if (at.pid === root) return true;
    if (at.ppid <= 1) return false;
  }
  return true;
}

/** What the destination lacks. */
export async function judgePlace(
  { runtime, name, bundle, rootfs, binds }: Container,
  agent: AgentClient,
  host: string,
  sync: string[],
): Promise<Finding[]> {
  const found = new Findings(host);
  const [here, there] = await Promise.all([
    runtimeVersion(runtime),
    agent.request('container', { runtime, name }),
  ]);
  const code = runtime.toUpperCase();
  if (there.version === null)
    found.error(`${code}_MISSING`, `the program ${runtime} is missing`, `install ${runtime}`);
  else if (there.version !== here)
    found.warning(
      `${code}_DIFFERS`,
      `${runtime} is ${there.version}, at the source ${here}`,
      'install the same version',
    );
  if (there.known)
    found.error(
      'CONTAINER_EXISTS',
      `there is a container ${name} already`,
      `${runtime} delete --force ${name}`,
    );
  const config = `${bundle}/config.json`;
  const sources = binds.map(({ source }) => source).filter((path) => !isSynced(path, sync));
  const [configSize = MISSING, rootKind, ...bindKinds] = await agent.request('sizes', {
    paths: [config, rootfs, ...sources],
  });
  const along = (path: string) => `bring it along: --sync ${path}`;
  if (!isSynced(config, sync)) {
    if (configSize < 0) found.error('BUNDLE_MISSING', `there is no ${config}`, along(bundle));
    else if (!(await isIdentical(config, configSize, agent)))
      found.error('BUNDLE_DIFFERS', `${config} is another one than at the source`, along(bundle));
  }
  if (!isSynced(rootfs, sync) && rootKind !== DIRECTORY)
    found.error('ROOTFS_MISSING', `the root file system ${rootfs} is missing`, along(rootfs));
  sources.forEach((path, i) => {
    if (bindKinds[i] === MISSING)
      found.error('BIND_MISSING', `${path}, which the container mounts, is missing`, along(path));
  });
  return found.list;
}

async function isIdentical(path: string, size: number, agent: AgentClient): Promise<boolean> {
  if (size > HASH_LIMIT) return false;
  const same = await agent.request('identical', { files: [{ path, size, sha256: await sha256(path) }] });
  return same.includes(path);
}
