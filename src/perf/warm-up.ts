import type { Context } from '../verbs/context.js';
import { BandwidthRun } from './bandwidth.js';
import { LatencyRun } from './latency.js';
import { connectLane, makeResources } from './resources.js';
import type { Settled } from './types.js';

/** Messages after which V8 has compiled the loops. */
const ENOUGH = 3000;
const AT_ONCE = 250;
/** Milliseconds; enough is not worth more. */
const LONGEST = 500;
const CYCLE = 4096;
const LINE = 64;

/**
 * Runs the loops of the test on a QP that is connected to itself, so that they are compiled when the clock starts.
 * A device that does not let a QP talk to itself is measured without.
 *
 * @throws the signal's reason
 */
export async function warmUp(context: Context, settled: Settled): Promise<void> {
  const { verb, latency, client, bidirectional } = settled;
  const watches = !client && !bidirectional && (latency ? verb === 'read' : verb !== 'send');
  if (watches) return;
  const ending = AbortSignal.timeout(LONGEST);
  const options: Settled = {
    ...settled,
    qps: 1,
    all: false,
    size: Math.min(settled.size, LINE),
    iterations: AT_ONCE,
    duration: undefined,
    txDepth: Math.min(settled.txDepth, AT_ONCE),
    rxDepth: verb === 'send' ? AT_ONCE : 1,
    // A server of write_lat writes first, a client waits; in send_bw both send and receive.
    client: verb !== 'write' || !latency,
    bidirectional: verb === 'send' && !latency,
    onProgress: undefined,
    signal: settled.signal === undefined ? ending : AbortSignal.any([settled.signal, ending]),
  };
  const resources = makeResources(context, options, {
    mtu: context.port(settled.ibPort).mtu,
    cycle: CYCLE,
    line: LINE,
  });
  try {
    for (const lane of resources.lanes) connectLane(resources, lane, options);
    for (let done = 0; done < ENOUGH; done += AT_ONCE) {
      await new (latency ? LatencyRun : BandwidthRun)(options, resources, options.size).run();
    }
  } catch {
    settled.signal?.throwIfAborted();
  } finally {
    await resources.pd.close();
    await resources.sendCq.close();
    await resources.recvCq.close();
  }
}
