// A host as its fleet sees it: what it is, what it has left, and what could leave it.
import { readFile } from 'node:fs/promises';
import { availableParallelism, loadavg } from 'node:os';
import { type HostAddress, hostAddresses } from '../floats.js';
import { type Movable, movables } from '../movables.js';
import { statusBytes } from '../proc.js';
import { hostFacts } from './facts.js';
import type { HostFacts } from './protocol.js';

export interface NodeFacts extends HostFacts {
  /** Bytes. */
  memoryTotal: number;
  cpus: number;
  /** Of the last minute: tasks that ran or wanted to. */
  load: number;
  hostAddresses: HostAddress[];
  movables: Movable[];
}

export async function survey(criu: string): Promise<NodeFacts> {
  const [facts, found, own, memory] = await Promise.all([
    hostFacts(criu, { programs: [], rdma: true, announce: false }),
    movables(),
    hostAddresses().catch(() => []),
    readFile('/proc/meminfo', 'utf8'),
  ]);
  return {
    ...facts,
    memoryTotal: statusBytes(memory, 'MemTotal'),
    cpus: availableParallelism(),
    load: loadavg()[0] ?? 0,
    hostAddresses: own,
    movables: found,
  };
}
