export { Criu, type CriuFeatures, type CriuVersion, type RequestOptions } from './client.js';
export type { CriuNotification, NotifyHandler } from './exchange.js';
export {
  criu_cg_mode,
  criu_network_lock_method,
  type criu_opts,
  criu_optsSchema,
  criu_pre_dump_mode,
} from './gen/criu-rpc_pb.js';
export { type RestartedCall, restartInterruptedCalls } from './interrupted.js';
export { CriuLog, firstCriuError } from './log.js';
export type { CriuOptions } from './options.js';
export { PAGE, PageFilter, type PageRound, PageStreamError, type UntrackedMemory } from './pages/index.js';
export { criuStats } from './stats.js';
export type { SwrkOptions } from './worker.js';
