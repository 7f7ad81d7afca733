import { RoamError } from '../errors.js';
import type { PerfOptions, PerfVerb, Settled } from './types.js';

export const ALL_MAX = 8 * 1024 * 1024;

function invalid(message: string): RoamError {
  return new RoamError('USAGE', message, { remedy: 'see `roam perf --help`' });
}

function within(name: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw invalid(`${name} must be a number from ${min} to ${max}, not ${value}`);
}

/** Bandwidth tests of so many iterations keep no time stamp for each, hence know no peak. */
const PEAK_LIMIT = 20_000;

/**
 * Options with perftest's defaults, adjusted to each other as perftest does.
 *
 * @throws {RoamError} `USAGE` for options that do not go together
 */
export function settle(options: PerfOptions): Settled {
  const { test, duration } = options;
  const verb = test.split('_')[0] as PerfVerb;
  const latency = test.endsWith('_lat');
  const client = options.host !== undefined;
  const bidirectional = options.bidirectional ?? false;
  const all = options.all ?? false;
  const events = options.events ?? false;
  const connection = options.connection ?? 'RC';
  if (latency && bidirectional) throw invalid('-b goes with bandwidth tests only');
  if (latency && (options.qps ?? 1) !== 1) throw invalid('-q goes with bandwidth tests only');
  if (verb === 'atomic' && (all || (options.size ?? 8) !== 8))
    throw invalid('the size of an atomic is 8 bytes');
  if (verb === 'write' && latency && events)
    throw invalid('-e does not go with write_lat: nothing comes to wait for');
  if (duration !== undefined && (all || events)) throw invalid('-D goes neither with -a nor with -e');
  if (connection === 'UD' && verb !== 'send') throw invalid(`a UD QP knows no ${verb}`);
  if (connection === 'UC' && (verb === 'read' || verb === 'atomic'))
    throw invalid(`a UC QP knows no ${verb}`);

  const size = all
    ? ALL_MAX
    : within('-s', options.size ?? (verb === 'atomic' ? 8 : latency ? 2 : 65536), 1, 0x7fffffff);
  const iterations = within('-n', options.iterations ?? (test === 'write_bw' ? 5000 : 1000), 5, 2 ** 32);
  if (duration !== undefined) within('-D', duration, 1, 1_000_000);
  if (options.mtu !== undefined && ![256, 512, 1024, 2048, 4096].includes(options.mtu))
    throw invalid(`-m must be 256, 512, 1024, 2048 or 4096 bytes, not ${options.mtu}`);
  if (options.outReads !== undefined) within('-o', options.outReads, 1, 255);
  const margin = options.margin ?? Math.floor((duration ?? 0) / 4);
  if (duration !== undefined && duration <= 2 * margin) {
    throw invalid(`the margins of ${margin} s leave nothing of a duration of ${duration} s`);
  }
  const cap = (depth: number) => (duration === undefined ? Math.min(depth, iterations) : depth);
  const txDepth = cap(within('-t', options.txDepth ?? (latency ? 1 : 128), 1, 15_000));
  let rxDepth = verb === 'send' ? cap(within('-r', options.rxDepth ?? 512, 1, 16_384)) : 1;
  // What nothing repeats must find a receive.
  if (verb === 'send' && connection !== 'RC' && options.rxDepth === undefined && duration === undefined)
    rxDepth = Math.min(iterations, 16_000);
  if (verb === 'send' && !all && rxDepth % 2 === 1) rxDepth++;
  const oneByOne = size > 8192 && connection !== 'UD' && !all && !events;
  const cqMod = Math.min(latency ? 1 : within('-Q', options.cqMod ?? (oneByOne ? 1 : 100), 1, 1024), txDepth);
  const oneWayServer = verb === 'send' && !client && !bidirectional;
  return {
    ...options,
    verb,
    latency,
    client,
    sizeGiven: options.size !== undefined && !all,
    bidirectional,
    all,
    events,
    connection,
    size,
    iterations,
    margin,
    txDepth,
    rxDepth,
    cqMod,
    port: within('-p', options.port ?? 18515, 1, 65535),
    ibPort: within('-i', options.ibPort ?? 1, 1, 255),
    qps: within('-q', options.qps ?? 1, 1, 16_384),
    inline: verb === 'read' || verb === 'atomic' ? 0 : within('-I', options.inline ?? 0, 0, 1024),
    atomicType: options.atomicType ?? 'FETCH_AND_ADD',
    qpTimeout: within('-u', options.qpTimeout ?? 14, 0, 31),
    serviceLevel: within('-S', options.serviceLevel ?? 0, 0, 15),
    trafficClass: within('--tclass', options.trafficClass ?? 0, 0, 255),
    gbits: options.gbits ?? false,
    noPeak:
      (options.noPeak ?? false) ||
      duration !== undefined ||
      iterations * (options.qps ?? 1) > PEAK_LIMIT ||
      oneWayServer,
  };
}
