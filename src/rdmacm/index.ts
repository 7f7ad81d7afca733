// rdma_cm: RC connections that are made over RDMA itself, without a TCP connection beside them.
export type { CmAddress } from './addon.js';
export { type CmConnectOptions, type CmPath, connect } from './connect.js';
export type { CmConnection, CmParameters } from './connection.js';
export { CmError, type CmEventType } from './errors.js';
export { type CmListener, type CmListenOptions, type CmRequest, listen } from './listen.js';
