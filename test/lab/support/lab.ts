import { inject } from 'vitest';
import { Lab, type LabNode } from '../../../dist/lab/index.js';
import { patient } from './patience.js';

export type { LabNode };
/** d and peer are in the lab of the game alone. */
export type NodeName = 'a' | 'b' | 'c' | 'd' | 'peer';

/** The address that a moving process takes with it, and the one of the peer that stays. */
export const MOVING_IP = '10.0.1.7';
export const STAYING_IP = '10.0.1.8';

const WORKLOADS = '/usr/lib/roam/workloads';
export const workload = (
  name: 'verdict' | 'qpstates' | 'objects' | 'unsupported' | 'sleeper' | 'pages',
): string => `${WORKLOADS}/${name}`;

/**
 * Runs a program with a part of a processor. One that polls would take a whole one, of which the machine under
 * the nodes has few: there is nothing left to migrate it with.
 */
export const POLITE = [
  'sh',
  '-c',
  `cd /sys/fs/cgroup && echo +cpu >cgroup.subtree_control && mkdir -p polite && echo 4000 20000 >polite/cpu.max &&
   echo $$ >polite/cgroup.procs && cd / && exec nice -n 19 "$@"`,
  'sh',
];

const PROGRAMS =
  'ib_send_bw ib_write_bw ib_read_bw ib_atomic_bw ib_send_lat ib_write_lat ib_read_lat verdict qpstates objects unsupported sleeper pages tcpdump rping node';

let attached: Promise<Lab> | undefined;

/** The lab of this test run. */
export function sharedLab(): Promise<Lab> {
  attached ??= Lab.attach(inject('lab'));
  return attached;
}

/** Another lab takes its place, for the rest of this file's tests. */
export function useLab(lab: Lab): void {
  attached = Promise.resolve(lab);
}

export async function node(name: NodeName): Promise<LabNode> {
  return patient((await sharedLab()).node(name));
}

/** Runs a shell script in a node; `$1`... are the arguments. */
export async function script(
  name: NodeName,
  text: string,
  args: string[] = [],
  timeout = 60_000,
): Promise<string> {
  const { stdout } = await (await node(name)).exec(['sh', '-c', text, 'sh', ...args], { timeout });
  return stdout;
}

export async function addFloating(name: NodeName, ip: string): Promise<void> {
  await script(name, 'ip addr add "$1/24" dev eth0', [ip]);
}

/** Index of the GID of an IPv4 address on rxe0, once the device has it. */
export async function gidIndex(name: NodeName, ip: string): Promise<number> {
  const hex = ip
    .split('.')
    .map((part) => Number(part).toString(16).padStart(2, '0'))
    .join('');
  const gid = `0000:0000:0000:0000:0000:ffff:${hex.slice(0, 4)}:${hex.slice(4)}`;
  const found = await script(
    name,
    'for try in 1 2 3 4 5 6 7 8 9; do grep -ls "^$1" /sys/class/infiniband/rxe0/ports/1/gids/* && exit; sleep 0.3; done; exit 1',
    [gid],
  );
  return Number(found.split('\n')[0]?.split('/').pop());
}

/**
 * Ends what earlier tests left in every node: processes, floating addresses and where they were, files; forgets
 * the kernel's log.
 * `link` is a script that gives eth0 its queueing discipline.
 */
export async function sweep(link: string): Promise<void> {
  await inAllNodes(
    `for pid in $(pidof ${PROGRAMS}); do kill -9 $pid; done
     ip -o -4 addr show dev eth0 | awk '$4 ~ /^10\\.0\\.1\\./ { print $4 }' | xargs -r -I% ip addr del % dev eth0
     ip neigh flush dev eth0
     rm -f /root/*.out /root/*.pcap
     cd /proc/sys/net/rdma_rxe 2>/dev/null && { echo none >key; echo 60000 >max_hold_ms; }
     ${link}
     ${QPS_GONE}
     dmesg -C`,
  );
}

/** A process that has just been killed still needs a moment to let go of its QPs. */
const QPS_GONE =
  'for try in 1 2 3 4 5 6; do left=$(rdma resource show qp | grep " pid "); [ -z "$left" ] && break; sleep 0.5; done';

export interface NodeHealth {
  name: string;
  /** QPs that a process still owns. */
  qps: string[];
  /** What the kernel complained about since the sweep. */
  complaints: string[];
}

/** The kernel tells where it was when a control group's memory was used up: that is no complaint. */
const COMPLAINTS = `/invoked oom-killer/ { told = 1 }
/Call Trace/ && told { told = 0; next }
/BUG:|WARNING:|Oops|general protection|Call Trace|hung task/`;

/** What must be empty in every node after a test: QPs of processes, complaints of the kernel. */
export async function health(): Promise<NodeHealth[]> {
  const texts = await inAllNodes(`${QPS_GONE}; echo "$left"; echo --; dmesg | awk '${COMPLAINTS}'`);
  return texts.map(({ name, text }) => {
    const [qps = '', complaints = ''] = text.split(/^--$/m);
    return { name, qps: lines(qps), complaints: lines(complaints) };
  });
}

/** Runs a shell script in every node. */
export async function inAllNodes(text: string): Promise<{ name: string; text: string }[]> {
  const { nodes } = await sharedLab();
  return Promise.all(nodes.map(async ({ name }) => ({ name, text: await script(name as NodeName, text) })));
}

export function lines(text: string): string[] {
  return text.split('\n').filter((line) => line.trim() !== '');
}

/** Resolves when rxe0 has received `packets` more packets than now. */
export async function dataFlows(name: NodeName, packets = 100, timeout = 60_000): Promise<void> {
  await script(
    name,
    `f=/sys/class/infiniband/rxe0/ports/1/hw_counters/rcvd_pkts; start=$(cat $f)
     until [ $(($(cat $f) - start)) -ge "$1" ]; do sleep 0.1; done`,
    [String(packets)],
    timeout,
  );
}
