import { bundleOf, makeBundle, withClient } from './container.js';
import { addFloating, MOVING_IP, type NodeName, node, STAYING_IP, script } from './lab.js';
import type { Workload } from './verdict.js';

export const IMAGE = 'localhost/workload:latest';
const NODES = ['a', 'b'] as const;

/** The nodes have no systemd, whose cgroups and journal it would use. */
const CONFIGURATION = `[containers]
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
`;

const MAKE_IMAGE = `set -e
podman image exists "$1" && exit
mkdir -p $2/rootfs/usr/bin
tar -C $2/rootfs -c . | podman import -c 'ENV PATH=/bin' - "$1" >/dev/null 2>&1`;

/** Podman on every node, and the image on a alone. */
export async function preparePodman(): Promise<void> {
  for (const name of NODES)
    await script(name, 'mkdir -p /etc/containers; printf %s "$1" >/etc/containers/containers.conf', [
      CONFIGURATION,
    ]);
  const bundle = bundleOf('image');
  await makeBundle('a', 'image', { args: [] });
  await script('a', MAKE_IMAGE, [IMAGE, bundle], 120_000);
}

/** `podman run --detach`. */
export async function runInPodman(
  on: NodeName,
  name: string,
  args: string[],
  more: string[] = [],
): Promise<void> {
  const network = more.includes('--network') ? [] : ['--network', 'host'];
  const options = ['--detach', '--name', name, ...network, '--cpu-shares', '2', ...more];
  await (await node(on)).exec(['podman', 'run', ...options, IMAGE, ...args], { timeout: 120_000 });
}

export interface PodmanState {
  Id: string;
  State: { Status: string; ExitCode: number; Pid: number };
  Config: { Hostname: string; Labels: Record<string, string> };
  HostConfig: { Memory: number; RestartPolicy: { Name: string; MaximumRetryCount: number } };
}

/** `podman container inspect`; undefined: there is no such container. */
export async function inspectPodman(on: NodeName, name: string): Promise<PodmanState | undefined> {
  const found = await (await node(on)).exec(['podman', 'container', 'inspect', name], { reject: false });
  return found.exitCode === 0 ? JSON.parse(found.stdout)[0] : undefined;
}

export async function removeAllFromPodman(): Promise<void> {
  for (const name of NODES)
    await script(
      name,
      'podman rm --all --force --time 0 >/dev/null; podman volume rm --all --force',
      [],
      120_000,
    );
}

/** The checking workload: its server in a container that will move, its client on the peer. Floating addresses. */
export async function startInPodman(
  name: string,
  { on, peer, more = [] }: { on: NodeName; peer: NodeName; more?: string[] },
): Promise<Workload> {
  await addFloating(on, MOVING_IP);
  await addFloating(peer, STAYING_IP);
  const data = `${bundleOf(name)}/data`;
  await script(on, 'rm -rf "$1"; mkdir -p "$1"', [data]);
  const common = ['--events', '--rate', '10'];
  const server = ['exec', 'verdict', '--server', '--gid-addr', MOVING_IP, ...common, '>>/data/out', '2>&1'];
  await runInPodman(
    on,
    name,
    ['/bin/sh', '-c', `echo begun; ${server.join(' ')}`],
    [
      ...['--device', '/dev/infiniband/uverbs0', '--ulimit', 'memlock=1073741824', '--cap-add', 'IPC_LOCK'],
      ...['--volume', `${data}:/data`, ...more],
    ],
  );
  const log = `${data}/out`;
  await script(on, 'until grep -q ^listening "$1"; do sleep 0.1; done', [log]);
  const pid = async () => (await inspectPodman(on, name))?.State.Pid ?? 0;
  return withClient({ on, peer, log, args: common, pid });
}
