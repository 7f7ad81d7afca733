import { inAllNodes } from './lab.js';
import type { Tool } from './perftest.js';

/** Of every node's eth0, in bits per second. */
const LINK_RATE = 20e6;
/** What the link charges for a packet beside its bytes: an emulated processor pays by the packet too. */
const PACKET_BYTES = 600;
/** Ethernet, IP, UDP and transport headers, and the check sums. */
const HEADER_BYTES = 90;
/** What two emulated processors need for a ping-pong, in seconds. */
const ROUND_TRIP = 0.003;
/** Payload of a packet, with rxe on an Ethernet of 1500 bytes. */
const MTU = 1024;

/**
 * Emulated processors are saturated long before a link is, and then every program on a node takes minutes to
 * start. On a link that is slow by itself, data is still in flight at every moment of a move.
 */
export const PACED_LINK = `tc qdisc replace dev eth0 root netem rate ${LINK_RATE / 1e6}mbit ${PACKET_BYTES} limit 4000`;

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
}

/** Iterations per QP that take at least so many seconds on paced links. Both directions have a link each. */
export function iterationsFor({ tool, size, qps }: Work, seconds: number): number {
  const bytes = tool === 'ib_atomic_bw' ? 8 : size;
  const packets = Math.ceil(bytes / MTU);
  const wire = bytes + packets * (HEADER_BYTES + PACKET_BYTES);
  const perMessage = (wire * 8) / LINK_RATE + (tool.endsWith('_lat') ? ROUND_TRIP : 0);
  return Math.max(10, Math.ceil(seconds / perMessage / qps));
}
