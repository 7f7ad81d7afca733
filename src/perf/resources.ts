import { randomFillSync } from 'node:crypto';
import { RoamError } from '../errors.js';
import type { Ah } from '../verbs/ah.js';
import { connectAttributes, initAttributes } from '../verbs/connection.js';
import type { Context } from '../verbs/context.js';
import type { Cq } from '../verbs/cq.js';
import type { Access } from '../verbs/enums.js';
import type { Mr } from '../verbs/mr.js';
import type { Pd } from '../verbs/pd.js';
import type { Qp } from '../verbs/qp.js';
import type { Key } from './peer.js';
import type { Settled } from './types.js';

export const QKEY = 0x11111111;
/** Bytes of routing header before a UD message. */
export const GRH = 40;

/** One connection of a test: own QP, the peer's key, and where its messages lie. */
export interface Lane {
  qp: Qp;
  key: Key;
  remote: Key;
  /** Offsets in the MR. */
  source: number;
  target: number;
  ah?: Ah;
}

export interface Resources {
  context: Context;
  pd: Pd;
  sendCq: Cq;
  recvCq: Cq;
  mr: Mr;
  lanes: Lane[];
  gidIndex: number;
  outReads: number;
  mtu: number;
  /** Bytes that an initiator steps through, and the step's grain: both ends' page and cache line. */
  cycle: number;
  line: number;
}

const ACCESS: Record<Settled['verb'], readonly Access[]> = {
  send: ['REMOTE_WRITE'],
  write: ['REMOTE_WRITE'],
  read: ['REMOTE_READ'],
  atomic: ['REMOTE_ATOMIC'],
};

/** perftest's choice: the first IPv4 GID of the newest RoCE. */
function defaultGid(context: Context, port: number): number {
  const gids = context.gids().filter((gid) => gid.port === port);
  const rank = ({ gid, type }: { gid: string; type: string }) =>
    (gid.startsWith('::ffff:') ? 2 : 0) + (type === 'RoCE v2' ? 1 : 0);
  const best = gids.sort((a, b) => rank(b) - rank(a) || a.index - b.index)[0];
  if (best === undefined) throw new RoamError('NO_GID', `port ${port} of ${context.device} has no GID`);
  return best.index;
}

/** Everything local: CQs, memory, QPs in INIT. */
export function makeResources(
  context: Context,
  options: Settled,
  shared: { mtu: number; cycle: number; line: number },
): Resources {
  const { qps, verb, connection, size, latency } = options;
  const attributes = context.query();
  const limit = Math.min(attributes.maxQpRdAtom, 128);
  const outReads = verb === 'read' || verb === 'atomic' ? Math.min(options.outReads ?? limit, limit) : 1;
  const gidIndex = options.gidIndex ?? defaultGid(context, options.ibPort);
  const ud = connection === 'UD';
  const grh = ud ? GRH : 0;

  // Each lane has a source and a target, large enough to be stepped through.
  const area = Math.ceil((Math.max(size, shared.cycle) + grh) / shared.cycle) * shared.cycle;
  const pd = context.allocPd();
  const mr = pd.alloc(area * 2 * qps, { access: ['LOCAL_WRITE', ...(verb === 'send' ? [] : ACCESS[verb])] });
  // write_lat tells rounds apart by the last byte, which must not be there before.
  if (verb !== 'write' || !latency) randomFillSync(mr.bytes);

  const channel = options.events ? undefined : null;
  const sendCq = context.createCq({ depth: options.txDepth * qps + 1, channel });
  const recvCq = verb === 'send' ? context.createCq({ depth: options.rxDepth * qps, channel }) : sendCq;
  const lanes: Lane[] = [];
  for (let index = 0; index < qps; index++) {
    const qp = pd.createQp({
      type: connection,
      sendCq,
      recvCq,
      cap: { maxSendWr: options.txDepth, maxRecvWr: options.rxDepth, maxInlineData: options.inline },
    });
    const endpoint = qp.endpoint(gidIndex, options.ibPort);
    const target = (qps + index) * area;
    const key: Key = { ...endpoint, outReads, rkey: mr.rkey, address: mr.address + BigInt(target) };
    lanes.push({ qp, key, remote: key, source: index * area, target });
  }
  return { context, pd, sendCq, recvCq, mr, lanes, gidIndex, outReads, ...shared };
}

/** To RTS, with the peer's key that the lane holds by now. */
export function connectLane(resources: Resources, lane: Lane, options: Settled): void {
  const { gidIndex, mtu, pd } = resources;
  const { qp, key, remote } = lane;
  if (options.connection === 'UD') {
    qp.modify({ state: 'INIT', pkeyIndex: 0, port: options.ibPort, qkey: QKEY });
    qp.modify({ state: 'RTR' });
    qp.modify({ state: 'RTS', sqPsn: key.psn });
    lane.ah = pd.createAh({
      port: options.ibPort,
      dgid: remote.gid,
      sgidIndex: gidIndex,
      hopLimit: 255,
      trafficClass: options.trafficClass,
      sl: options.serviceLevel,
    });
    return;
  }
  const steps = connectAttributes(
    options.connection,
    { ...key, mtu },
    { ...remote, mtu },
    {
      gidIndex,
      port: options.ibPort,
      timeout: options.qpTimeout,
      maxRdAtomic: remote.outReads,
      maxDestRdAtomic: resources.outReads,
      hopLimit: 255,
      trafficClass: options.trafficClass,
      sl: options.serviceLevel,
    },
  );
  qp.modify(initAttributes({ port: options.ibPort, access: ACCESS[options.verb] }));
  for (const attributes of steps) qp.modify(attributes);
}
