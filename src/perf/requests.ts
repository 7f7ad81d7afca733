import type { SendBatch } from '../verbs/send-batch.js';
import type { SendRequest } from '../verbs/work-request.js';
import { type Lane, QKEY, type Resources } from './resources.js';
import type { Settled } from './types.js';

/** Requests of one lane, encoded once: message n is `n % period`, or that plus `period` when signalled. */
export interface Prepared {
  batch: SendBatch;
  period: number;
}

/** How far apart messages lie in an area that is stepped through. */
function step(size: number, line: number): number {
  return Math.max(line, Math.ceil(size / line) * line);
}

/** Least number of requests, so that many can be posted by one call. */
const MIN_PERIOD = 32;

function request(
  options: Settled,
  resources: Resources,
  lane: Lane,
  size: number,
  offset: number,
  signaled: boolean,
  wrId: number,
): SendRequest {
  const { verb } = options;
  const common = {
    wrId,
    signaled,
    sges: [resources.mr.slice(lane.source + offset, size)],
    inline: size <= options.inline,
  };
  const remote = { address: lane.remote.address + BigInt(offset), rkey: lane.remote.rkey };
  if (verb === 'write') return { ...common, opcode: 'WRITE', remote };
  if (verb === 'read') return { ...common, opcode: 'READ', remote };
  if (verb === 'atomic') {
    return options.atomicType === 'CMP_AND_SWAP'
      ? { ...common, opcode: 'COMPARE_SWAP', compare: 0n, swap: 0n, remote }
      : { ...common, opcode: 'FETCH_ADD', add: 1n, remote };
  }
  const ud = lane.ah === undefined ? {} : { ud: { ah: lane.ah, qpn: lane.remote.qpn, qkey: QKEY } };
  return { ...common, opcode: 'SEND', ...ud };
}

/** @param index Number of the lane, which its completions carry. */
export function prepareSends(options: Settled, resources: Resources, index: number, size: number): Prepared {
  const lane = resources.lanes[index] as Lane;
  const { cycle, line } = resources;
  const stride = step(size, line);
  // Latency tests use one place only.
  const places = options.latency || size > cycle / 2 ? 1 : Math.floor(cycle / stride);
  const period = options.latency ? 1 : Math.max(places, Math.ceil(MIN_PERIOD / places) * places);
  const batch = lane.qp.prepareSends();
  for (const signaled of [false, true]) {
    for (let n = 0; n < period; n++) {
      batch.add(request(options, resources, lane, size, (n % places) * stride, signaled, index));
    }
  }
  return { batch, period };
}
