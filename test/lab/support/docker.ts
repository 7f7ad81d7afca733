import { type NodeName, node, script } from './lab.js';

export const IMAGE = 'docker-repo/perftest:latest';
/** Those with Docker. */
const NODES = ['a', 'b', 'c'] as const;
/** An overlay network of the swarm of all nodes. */
export const NETWORK = 'rdma-net';

const START = `set -e
docker version >/dev/null 2>&1 && exit
mkdir -p /etc/docker
echo '{"experimental": true}' >/etc/docker/daemon.json
for module in overlay bridge br_netfilter veth vxlan nf_nat; do modprobe $module; done
setsid dockerd >/var/log/dockerd.log 2>&1 </dev/null &
for try in $(seq 200); do docker version >/dev/null 2>&1 && exit; sleep 1; done
tail -5 /var/log/dockerd.log; exit 1`;

/** perftest and what it needs, out of the node's own root, as `docker import` takes it. */
const MAKE_IMAGE = `set -e
docker image inspect "$1" >/dev/null 2>&1 && exit
root=/root/image; lib=/usr/lib/x86_64-linux-gnu; provider=$lib/libibverbs/librxe-rdmav34.so
for dir in bin usr/bin proc sys dev tmp etc/libibverbs.d; do mkdir -p $root/$dir; done
cp /bin/busybox $root/bin/; ln -sf busybox $root/bin/sh
cp /usr/bin/ib_send_bw $root/usr/bin/
cp /etc/libibverbs.d/rxe.driver $root/etc/libibverbs.d/
for file in $provider $(ldd $provider /usr/bin/ib_send_bw | grep -o '/[^ :]*\\.so[^ :]*' | sort -u); do
  mkdir -p $root$(dirname $file); cp -L $file $root$file; done
tar -C $root -c . | docker import -c 'ENV PATH=/usr/bin:/bin' - "$1" >/dev/null`;

const MAKE_SWARM = `set -e
docker network inspect "$1" >/dev/null 2>&1 && exit
docker swarm init --advertise-addr "$2" >/dev/null
docker network create -d overlay --attachable --subnet 10.0.1.0/24 "$1" >/dev/null
docker swarm join-token -q worker`;

/** A Docker with checkpoints on every node, one swarm, and the image on a alone. */
export async function startDocker(): Promise<void> {
  await Promise.all(NODES.map((name) => script(name, START, [], 240_000)));
  await script('a', MAKE_IMAGE, [IMAGE], 120_000);
  const { ip } = await node('a');
  const token = await script('a', MAKE_SWARM, [NETWORK, ip], 120_000);
  if (token === '') return;
  for (const name of NODES.slice(1))
    await script(name, 'docker swarm join --token "$1" "$2:2377"', [token, ip], 120_000);
}

/** How the guide of MigrOS makes its containers. */
const GUIDE = [
  ...['--network', NETWORK, '--security-opt', 'seccomp:unconfined', '--ulimit', 'memlock=1073741824'],
  ...['--cap-add=ALL', '--memory=512m', '--device', '/dev/infiniband/'],
];

export interface ContainerOptions {
  /** On the overlay network. */
  ip: string;
  /** Part of a processor: one that polls would take a whole one. */
  cpus: number;
  args: string[];
  more?: string[];
}

/** `docker run --detach`. */
export async function runInDocker(
  on: NodeName,
  name: string,
  { ip, cpus, args, more = [] }: ContainerOptions,
): Promise<void> {
  const options = ['--detach', '--name', name, '--ip', ip, '--cpus', String(cpus), ...GUIDE, ...more];
  await (await node(on)).exec(['docker', 'run', ...options, IMAGE, ...args], { timeout: 120_000 });
}

export interface DockerState {
  Id: string;
  State: { Status: string; ExitCode: number; Pid: number };
  Config: { Hostname: string; Cmd: string[] };
  HostConfig: { CapAdd: string[]; Memory: number; RestartPolicy: { Name: string } };
  NetworkSettings: { Networks: Record<string, { IPAddress: string }> };
}

/** `docker inspect`; undefined: there is no such container. */
export async function inspectDocker(on: NodeName, name: string): Promise<DockerState | undefined> {
  const { stdout, exitCode } = await (await node(on)).exec(['docker', 'inspect', name], { reject: false });
  return exitCode === 0 ? (JSON.parse(stdout) as DockerState[])[0] : undefined;
}

/** What it has printed. */
export const logsOf = (on: NodeName, name: string): Promise<string> =>
  script(on, 'docker logs "$1" 2>&1', [name]);

/** Waits for the end of a container. @returns its exit code */
export async function endOf(on: NodeName, name: string): Promise<number> {
  return Number(await script(on, 'docker wait "$1"', [name], 600_000));
}

/** Lets go of what holds the containers of a node back. */
export async function hurry(on: NodeName, ...names: string[]): Promise<void> {
  await script(on, 'docker update --cpus 2 "$@" >/dev/null', names);
}

export async function removeAllFromDocker(): Promise<void> {
  for (const name of NODES)
    await script(name, 'docker ps -qa | xargs -r docker rm --force >/dev/null', [], 120_000);
}
