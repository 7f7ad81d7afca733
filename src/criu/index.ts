// CRIU by its RPC: of use with no RDMA at all.
export {
  CriuError,
  type CriuErrorFields,
  RoamError,
  type RoamErrorOptions,
  SyscallError,
} from '../errors.js';
export { Criu, type CriuFeatures, type CriuVersion, type RequestOptions } from './client.js';
export type { CriuNotification, NotifyHandler } from './exchange.js';
export {
  type cgroup_root,
  criu_cg_mode,
  criu_network_lock_method,
  type criu_opts,
  criu_optsSchema,
  type criu_page_server_info,
  criu_pre_dump_mode,
  type inherit_fd,
  type join_namespace,
} from './gen/criu-rpc_pb.js';
export type { dump_stats_entry } from './gen/criu-stats_pb.js';
export { type RestartedCall, restartInterruptedCalls } from './interrupted.js';
export { firstCriuError } from './log.js';
export type { CriuOptions } from './options.js';
export { criuStats } from './stats.js';
export type { SwrkOptions } from './worker.js';
