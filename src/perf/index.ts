export { type PerfListener, type PerfResult, perf } from './run.js';
export { PERF_TESTS, type PerfOptions, type PerfProgress, type PerfRow, type PerfTest } from './types.js';
