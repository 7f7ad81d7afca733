import { expect } from 'vitest';
import { RUNTIMES, type Runtime } from '../../../src/migrate/oci/runtime.js';
import { addFloating, MOVING_IP, type NodeName, node, POLITE, STAYING_IP, script, workload } from './lab.js';
import type { Workload } from './verdict.js';

/** Where a bundle lies, on every node. */
export const bundleOf = (name: string): string => `/containers/${name}`;

/**
 * A root file system of its own: the workload, busybox and the libraries they need, copied from the node. Arguments:
 * the bundle, config.json.
 */
const MAKE_BUNDLE = `set -e
root=$1/rootfs; lib=/usr/lib/x86_64-linux-gnu; provider=$lib/libibverbs/librxe-rdmav34.so
for dir in bin proc sys dev tmp data etc/libibverbs.d; do mkdir -p $root/$dir; done
mkdir -p $1/data
cp ${workload('verdict')} /bin/busybox $root/bin/
ln -sf busybox $root/bin/sh
cp /etc/libibverbs.d/rxe.driver $root/etc/libibverbs.d/
for file in $provider $(ldd $provider ${workload('verdict')} | grep -o '/[^ :]*\\.so[^ :]*' | sort -u); do
  mkdir -p $root$(dirname $file); cp -L $file $root$file; done
printf %s "$2" >$1/config.json`;

export interface ContainerOptions {
  /** Its command. */
  args: string[];
  readonly?: boolean;
  /** It has a network of its own, or joins the one at a path. */
  network?: boolean | string;
  /** Who runs it; runc. */
  runtime?: Runtime;
}

/** Set in a container with a network of its own, to 80. */
export const OWN_SYSCTL = 'net.ipv4.ip_unprivileged_port_start';

const CAPABILITIES = ['CAP_IPC_LOCK', 'CAP_KILL', 'CAP_NET_BIND_SERVICE'];

/** config.json as `runc spec` makes it, on the host's network, with /dev/infiniband/uverbs0 and a directory of the host. */
function configOf(name: string, { args, readonly = false, network = false }: ContainerOptions): string {
  const capabilities = Object.fromEntries(
    ['bounding', 'effective', 'permitted'].map((set) => [set, CAPABILITIES]),
  );
  const kinds = ['pid', 'ipc', 'uts', 'mount', 'cgroup'];
  const joined = typeof network === 'string' ? { path: network } : {};
  const mount = (destination: string, type: string, source: string, options: string[]) => ({
    destination,
    type,
    source,
    options,
  });
  const uverbs = { type: 'c', major: 231, minor: 192 };
  return JSON.stringify({
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      args,
      env: ['PATH=/bin'],
      cwd: '/',
      capabilities,
      rlimits: [{ type: 'RLIMIT_MEMLOCK', hard: 2 ** 30, soft: 2 ** 30 }],
      noNewPrivileges: true,
    },
    root: { path: 'rootfs', readonly },
    hostname: name,
    mounts: [
      mount('/proc', 'proc', 'proc', []),
      mount('/dev', 'tmpfs', 'tmpfs', ['nosuid', 'strictatime', 'mode=755', 'size=65536k']),
      mount('/dev/shm', 'tmpfs', 'shm', ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=65536k']),
      mount('/sys', 'sysfs', 'sysfs', ['nosuid', 'noexec', 'nodev', 'ro']),
      mount('/sys/fs/cgroup', 'cgroup', 'cgroup', ['nosuid', 'noexec', 'nodev', 'relatime', 'ro']),
      mount('/tmp', 'tmpfs', 'tmpfs', ['nosuid', 'nodev']),
      mount('/data', 'bind', `${bundleOf(name)}/data`, ['rbind', 'rw']),
    ],
    linux: {
      namespaces: [...kinds.map((type) => ({ type })), ...(network ? [{ type: 'network', ...joined }] : [])],
      devices: [{ path: '/dev/infiniband/uverbs0', ...uverbs, fileMode: 0o666, uid: 0, gid: 0 }],
      resources: {
        devices: [
          { allow: false, access: 'rwm' },
          { allow: true, ...uverbs, access: 'rwm' },
        ],
        // Behind everyone else: an emulated processor that is busy with traffic has nothing left to migrate it with.
        cpu: { shares: 2 },
      },
      ...(network === true ? { sysctl: { [OWN_SYSCTL]: '80' } } : {}),
      maskedPaths: ['/proc/kcore', '/proc/keys', '/sys/firmware'],
      readonlyPaths: ['/proc/sys', '/proc/bus'],
    },
  });
}

/** Makes the bundle anew. */
export async function makeBundle(on: NodeName, name: string, options: ContainerOptions): Promise<void> {
  await script(on, `rm -rf "$1"; ${MAKE_BUNDLE}`, [bundleOf(name), configOf(name, options)]);
}

/** `runc run --detach`, or crun's. @returns pid of its first process on the node */
export async function runContainer(on: NodeName, name: string, options: ContainerOptions): Promise<number> {
  await makeBundle(on, name, options);
  const { runtime = 'runc' } = options;
  await script(
    on,
    `rm -f /root/runc.out; cd "$1"
     $3 --log /root/runc.out run --detach "$2" </dev/null >/dev/null 2>&1 || { cat /root/runc.out; exit 1; }`,
    [bundleOf(name), name, runtime],
  );
  return pidOf(on, name, runtime);
}

export interface ListedContainer {
  id: string;
  pid: number;
  status: string;
  bundle: string;
}

/** `runc list`, or crun's. */
export async function containers(on: NodeName, runtime: Runtime = 'runc'): Promise<ListedContainer[]> {
  return JSON.parse(await script(on, '$1 list --format json', [runtime])) ?? [];
}

export async function pidOf(on: NodeName, name: string, runtime: Runtime = 'runc'): Promise<number> {
  const found = (await containers(on, runtime)).find(({ id }) => id === name);
  expect(found, `container ${name} on node ${on}`).toBeDefined();
  return found?.pid ?? 0;
}

/** Ends every container of the nodes, and their bundles. */
export async function removeContainers(...nodes: NodeName[]): Promise<void> {
  for (const name of nodes) {
    for (const runtime of RUNTIMES)
      await script(name, 'for c in $($1 list --quiet); do $1 delete --force $c; done', [runtime]);
    await script(name, 'rm -rf /containers');
  }
}

/** The checking workload: its server in a container that will move, its client on the peer. Floating addresses. */
export async function startInContainer(
  name: string,
  {
    on,
    peer,
    readonly = false,
    args = [],
    runtime = 'runc',
  }: { on: NodeName; peer: NodeName; readonly?: boolean; args?: string[]; runtime?: Runtime },
): Promise<Workload> {
  await addFloating(on, MOVING_IP);
  await addFloating(peer, STAYING_IP);
  const all = ['--events', '--rate', '10', ...args];
  const log = `${bundleOf(name)}/data/out`;
  const server = ['exec', 'verdict', '--server', '--gid-addr', MOVING_IP, ...all, '>>/data/out', '2>&1'];
  const command = ['/bin/sh', '-c', server.join(' ')];
  const pid = await runContainer(on, name, { args: command, readonly, runtime });
  await script(on, 'until grep -q ^listening "$1"; do sleep 0.1; done', [log]);
  return withClient({ on, peer, log, args: all, pid: async () => pid });
}

/** Starts the client on the peer of a server that listens, and waits until both run. Both are floating. */
export async function withClient({
  on,
  peer,
  log,
  args,
  pid,
}: {
  on: NodeName;
  peer: NodeName;
  /** Of the server. */
  log: string;
  args: string[];
  /** The server's, asked for when it runs. */
  pid: () => Promise<number>;
}): Promise<Workload> {
  const client = ['--client', (await node(on)).ip, '--gid-addr', STAYING_IP, ...args];
  const clientLog = '/root/workload-client.out';
  const clientPid = await (await node(peer)).start([...POLITE, workload('verdict'), ...client], {
    log: clientLog,
  });
  for (const [at, file] of [
    [on, log],
    [peer, clientLog],
  ] as const)
    await script(at, 'until grep -q ^running "$1"; do sleep 0.1; done', [file]);
  return {
    options: { server: on, client: peer, moving: 'server', address: 'floating' },
    mover: { role: 'server', pid: await pid(), at: on, log },
    stayer: { role: 'client', pid: clientPid, at: peer },
  };
}
