// Containers of runc in a network namespace that is prepared on both hosts, as an operator or CNI does it.
import { fileURLToPath } from 'node:url';
import { bundleOf, OWN_SYSCTL, runContainer } from './container.js';
import { lines, type NodeName, node, POLITE, script, workload } from './lab.js';
import type { Workload } from './verdict.js';

export const NETNS = '/run/netns/blue';
/** In the network of the nodes' own addresses: the likeliest to be taken for one of the host. */
export const INSIDE_IP = '10.77.0.71';
/** By way of the peer's node. */
export const FAR_NETWORK = '10.9.0.0/16';

const ECHO = fileURLToPath(new URL('echo.py', import.meta.url));
const ECHO_PORT = '7007';
const ECHO_LOG = '/root/echo.out';

/** Its peer waits longer than by itself: TCP and RDMA make a freeze on a busy machine a long one. */
export const HOLD = ['--max-hold', '300'];

/** The namespace, with an interface in it that is on the network of eth0, called as given. */
export async function makeNetns(on: NodeName, dev: string): Promise<void> {
  await script(
    on,
    `set -e; ip netns add blue; ip link add link eth0 name "$1" netns blue type macvlan mode bridge
     ip -n blue link set lo up; ip -n blue link set "$1" up`,
    [dev],
  );
}

export async function removeNetns(...nodes: NodeName[]): Promise<void> {
  for (const name of nodes) await script(name, 'ip netns del blue 2>/dev/null || true');
}

/** Addresses and routes in it, and the tables of nftables. */
export async function seenInNetns(on: NodeName, dev: string) {
  const show = (what: string) => script(on, `ip netns exec blue ${what}`);
  return {
    addresses: lines(await show(`ip -4 -o addr show dev ${dev}`)).map((line) => line.split(/\s+/)[3]),
    routes: lines(await show('ip -4 route')).map((line) => line.trim()),
    tables: lines(await show('nft list tables')),
  };
}

/** The client of the TCP connection, which lives as long as the test. */
export interface EchoClient {
  at: NodeName;
  pid: number;
}

/** Resolves when so many more lines have come back. @throws with the client's words when one was wrong */
export async function echoes({ at }: EchoClient, count = 10): Promise<void> {
  await script(
    at,
    `n=$(grep -c came "$1"); until [ $(grep -c came "$1") -ge $((n + $2)) ]; do
       if grep bad "$1" >&2; then exit 1; fi; sleep 0.1; done`,
    [ECHO_LOG, String(count)],
    60_000,
  );
}

/** Ends the client; what it complained about, if anything. */
export async function endEcho({ at, pid }: EchoClient): Promise<string[]> {
  await script(at, 'kill "$1" 2>/dev/null || true', [String(pid)]);
  return lines(await script(at, 'grep bad "$1" || true', [ECHO_LOG]));
}

/**
 * A container that has all its TCP in the namespace and its RDMA by the host's device: the checking workload, whose
 * peer is on another node, and an echo, to which that node keeps a connection.
 */
export async function startInNetns(
  name: string,
  { on, peer, dev }: { on: NodeName; peer: NodeName; dev: string },
): Promise<Workload & { echo: EchoClient }> {
  await script(
    on,
    `ip -n blue addr add ${INSIDE_IP}/24 dev "$1"; ip -n blue route add ${FAR_NETWORK} via "$2"`,
    [dev, (await node(peer)).ip],
  );
  const echo = `/bin/busybox nc -l -p ${ECHO_PORT} -e /bin/busybox cat </dev/null >/dev/null 2>&1 &`;
  const pid = await startServer(name, on, NETNS, echo);
  const there = await node(peer);
  await there.push(ECHO, '/root/echo.py');
  const echoPid = await there.start(['python3', '/root/echo.py', INSIDE_IP, ECHO_PORT], { log: ECHO_LOG });
  return { ...(await startClient(name, pid, on, peer)), echo: { at: peer, pid: echoPid } };
}

/** Says over and over, by a TCP connection on lo, something that comes back into the log. */
const TALK = `/bin/busybox nc -l -p ${ECHO_PORT} -e /bin/busybox cat </dev/null >/dev/null 2>&1 & /bin/busybox sleep 1;
  (while :; do echo said; /bin/busybox sleep 0.2; done) </dev/null 2>/dev/null | /bin/busybox nc 127.0.0.1 ${ECHO_PORT} >>/data/talk 2>&1 &`;

/**
 * A container in a network namespace that runc makes for it, with nothing in it but lo: the checking workload, whose
 * peer is on another node, and a connection to itself. An interface is there only until the two have met.
 */
export async function startAlone(
  name: string,
  { on, peer }: { on: NodeName; peer: NodeName },
): Promise<Workload> {
  const pid = await startServer(name, on, true, TALK);
  await script(
    on,
    `set -e; ip link add link eth0 name mv0 netns "$1" type macvlan mode bridge
     nsenter --net=/proc/$1/ns/net sh -c 'ip addr add ${INSIDE_IP}/24 dev mv0; ip link set mv0 up'`,
    [String(pid)],
  );
  const test = await startClient(name, pid, on, peer);
  await script(on, 'nsenter --net=/proc/$1/ns/net ip link del mv0', [String(pid)]);
  return test;
}

/** How much of its talk with itself has come back. */
export async function talked(name: string, on: NodeName): Promise<number> {
  return Number(await script(on, 'wc -l <"$1"', [`${bundleOf(name)}/data/talk`]));
}

/** Links and addresses of a process's network, and the parameter of its configuration. */
export const seenAlone = (on: NodeName, pid: number): Promise<string> =>
  script(
    on,
    `[ /proc/$1/ns/net -ef /proc/self/ns/net ] && exit 1
     nsenter --net=/proc/$1/ns/net sh -c 'ip -o addr show; ip -o link show; sysctl ${OWN_SYSCTL} || cat /proc/sys/${OWN_SYSCTL.replaceAll('.', '/')}'`,
    [String(pid)],
  );

const OPTIONS = ['--events', '--rate', '10'];
const logOf = (name: string) => `${bundleOf(name)}/data/out`;

/** @returns pid of the container's first process, which listens */
async function startServer(
  name: string,
  on: NodeName,
  network: string | true,
  before: string,
): Promise<number> {
  const own = (await node(on)).ip;
  const server = ['exec', 'verdict', '--server', '--gid-addr', own, ...OPTIONS, '>>/data/out', '2>&1'];
  const args = ['/bin/sh', '-c', `${before} ${server.join(' ')}`];
  const pid = await runContainer(on, name, { args, network });
  await script(on, 'until grep -q ^listening "$1"; do sleep 0.1; done', [logOf(name)]);
  return pid;
}

async function startClient(name: string, pid: number, on: NodeName, peer: NodeName): Promise<Workload> {
  await script(peer, 'echo 300000 >/proc/sys/net/rdma_rxe/max_hold_ms');
  const there = await node(peer);
  const client = ['--client', INSIDE_IP, '--gid-addr', there.ip, ...OPTIONS];
  const clientLog = '/root/workload-client.out';
  const clientPid = await there.start([...POLITE, workload('verdict'), ...client], { log: clientLog });
  for (const [at, file] of [
    [on, logOf(name)],
    [peer, clientLog],
  ] as const)
    await script(at, 'until grep -q ^running "$1"; do sleep 0.1; done', [file]);
  return {
    options: { server: on, client: peer, moving: 'server', address: 'changed' },
    mover: { role: 'server', pid, at: on, log: logOf(name) },
    stayer: { role: 'client', pid: clientPid, at: peer },
  };
}
