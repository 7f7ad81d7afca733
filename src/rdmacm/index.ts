// rdma_cm: RC connections that are made over RDMA itself, without a TCP connection beside them, and UD services
// that are found so.
export type { CmAddress } from './addon.js';
export { type CmConnectOptions, type CmPath, connect } from './connect.js';
export type { CmConnection, CmParameters } from './connection.js';
export {
  CM_UD_QKEY,
  type CmSeekOptions,
  type CmService,
  type CmUdRequest,
  listenUd,
  seekUd,
} from './datagrams.js';
export { CmError, type CmEventType } from './errors.js';
export { type CmListener, type CmListenOptions, type CmRequest, listen } from './listen.js';
