export const PERF_TESTS = [
  'send_bw',
  'write_bw',
  'read_bw',
  'atomic_bw',
  'send_lat',
  'write_lat',
  'read_lat',
] as const;
export type PerfTest = (typeof PERF_TESTS)[number];
export type PerfVerb = 'send' | 'write' | 'read' | 'atomic';

/** What `roam perf` takes: names, units and defaults are those of perftest. */
export interface PerfOptions {
  test: PerfTest;
  /** The server's host; absent: this is the server. */
  host?: string;
  /** TCP port of the exchange. Default: 18515. */
  port?: number;
  device?: string;
  /** From 1. Default: 1. */
  ibPort?: number;
  /** Default: the first IPv4 GID of RoCE v2. */
  gidIndex?: number;
  /** Bytes. Default: 65536 for bandwidth, 2 for latency, 8 for atomics. */
  size?: number;
  /** Sizes from 2 bytes to 8 MiB. */
  all?: boolean;
  iterations?: number;
  /** Seconds, instead of iterations. */
  duration?: number;
  /** Seconds at either end of the duration that do not count. Default: a quarter of it. */
  margin?: number;
  qps?: number;
  txDepth?: number;
  rxDepth?: number;
  /** One completion for so many requests. */
  cqMod?: number;
  bidirectional?: boolean;
  /** Waits for events instead of polling. */
  events?: boolean;
  /** Bytes up to which data are sent inline. Default: 0. */
  inline?: number;
  /** Path MTU in bytes. */
  mtu?: number;
  /** READs or atomics outstanding. Default: what the device can, at most 128. */
  outReads?: number;
  atomicType?: 'FETCH_AND_ADD' | 'CMP_AND_SWAP';
  connection?: 'RC' | 'UC' | 'UD';
  /** 4.096 µs * 2^n. Default: 14. */
  qpTimeout?: number;
  serviceLevel?: number;
  trafficClass?: number;
  gbits?: boolean;
  noPeak?: boolean;
  signal?: AbortSignal;
  /** Told what a user wants to see while it runs. */
  onProgress?: (progress: PerfProgress) => void;
}

export interface PerfProgress {
  size: number;
  /** Messages that are complete, and how many there will be; the latter 0 with a duration. */
  done: number;
  total: number;
}

/** Options with every default, as perftest adjusts them to each other. */
export type Settled = Required<
  Omit<
    PerfOptions,
    'host' | 'device' | 'gidIndex' | 'mtu' | 'outReads' | 'signal' | 'onProgress' | 'duration'
  >
> &
  Pick<
    PerfOptions,
    'host' | 'device' | 'gidIndex' | 'mtu' | 'outReads' | 'signal' | 'onProgress' | 'duration'
  > & {
    verb: PerfVerb;
    latency: boolean;
    client: boolean;
    /** Whether the size was asked for, and not all of them. */
    sizeGiven: boolean;
  };

/** One row of a bandwidth test. */
export interface BandwidthRow {
  size: number;
  iterations: number;
  /** In the unit that was asked for; 0 where it was not measured. */
  peak: number;
  average: number;
  /** Millions of messages per second. */
  messageRate: number;
}

/** One row of a latency test, in microseconds. */
export interface LatencyRow {
  size: number;
  iterations: number;
  min: number;
  max: number;
  typical: number;
  average: number;
  stdev: number;
  p99: number;
  p999: number;
}

/** One row of a latency test with a duration. */
export interface LatencyDurationRow {
  size: number;
  iterations: number;
  average: number;
  /** Transactions per second. */
  tps: number;
}

export type PerfRow = BandwidthRow | LatencyRow | LatencyDurationRow;
