import { inAllNodes } from './lab.js';
import type { Tool } from './perftest.js';

/** Of RDMA on every node's eth0, in bits per second. */
const LINK_RATE = 20e6;
/** What the link charges for a packet beside its bytes: an emulated processor pays by the packet too. */
const PACKET_BYTES = 5000;
/** Ethernet, IP, UDP and transport headers, and the check sums. */
const HEADER_BYTES = 90;
/** What a ping-pong takes between emulated processors, in seconds: longer when both ends keep theirs busy. */
const ROUND_TRIP = { polling: 0.012, events: 0.004 };
/** Payload of a packet, with rxe on an Ethernet of 1500 bytes. */
const MTU = 1024;

/** As fast as it goes: for what is to end soon, and moves nowhere. */
export const FAST_LINK = 'tc qdisc del dev eth0 root 2>/dev/null; true';

/**
 * Emulated processors are saturated long before a link is, and then every program on a node takes minutes to
 * start. On a link that is slow by itself, data is still in flight at every moment of a move. Only RDMA is slow:
 * images and ssh go past it. tbf, not netem's rate: that one hides from rxe which packets have not left yet.
 */
export function pacedLink(netem?: string): string {
  return [
    'tc qdisc del dev eth0 root 2>/dev/null',
    `tc qdisc add dev eth0 root handle 1: stab overhead ${PACKET_BYTES} mtu 8192 tsize 512 linklayer ethernet \
       prio bands 2 priomap 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0`,
    `tc qdisc add dev eth0 parent 1:2 handle 2: tbf rate ${LINK_RATE / 1e6}mbit burst 32k limit 10000000`,
    'tc filter add dev eth0 parent 1: protocol ip prio 1 u32 match ip protocol 17 0xff match ip dport 4791 0xffff flowid 1:2',
    ...(netem ? [`tc qdisc add dev eth0 parent 2:1 netem ${netem}`] : []),
  ].join('\n');
}

/** Lets go of link and processor in all nodes, so that the rest of a benchmark is soon over. */
export async function unpaced(): Promise<void> {
  await inAllNodes(
    'tc qdisc del dev eth0 root; cd /sys/fs/cgroup && [ -d polite ] && echo max >polite/cpu.max; true',
  );
}

export interface Work {
  tool: Tool;
  size: number;
  qps: number;
  /** Sleeps until an event comes instead of polling. */
  events: boolean;
}

/** Iterations per QP that take at least so many seconds on paced links. Both directions have a link each. */
export function iterationsFor({ tool, size, qps, events }: Work, seconds: number): number {
  const bytes = tool === 'ib_atomic_bw' ? 8 : size;
  const packets = Math.ceil(bytes / MTU);
  const wire = bytes + packets * (HEADER_BYTES + PACKET_BYTES);
  const perMessage =
    (wire * 8) / LINK_RATE + (tool.endsWith('_lat') ? ROUND_TRIP[events ? 'events' : 'polling'] : 0);
  return Math.max(10, Math.ceil(seconds / perMessage / qps));
}
