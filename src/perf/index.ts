export { type PerfListener, type PerfResult, perf } from './run.js';
export {
  type BandwidthRow,
  type LatencyDurationRow,
  type LatencyRow,
  PERF_TESTS,
  type PerfOptions,
  type PerfProgress,
  type PerfRow,
  type PerfTest,
  type PerfVerb,
  type Settled,
} from './types.js';
