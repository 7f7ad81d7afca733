export type { AddressVector, Ah } from './ah.js';
export type { AsyncEvent } from './async-events.js';
export type { GidChoice } from './best-gid.js';
export type { CompletionChannel } from './channel.js';
export { CompletionBatch, type WorkCompletion, WorkCompletionError } from './completion.js';
export type { ConnectOptions, Endpoint, InitOptions } from './connection.js';
export { Context, open, type PortAttributes } from './context.js';
export type { Cq, CqOptions } from './cq.js';
export type { DeviceAttributes } from './device-attributes.js';
export {
  type DeviceInfo,
  type GidInfo,
  listDevices,
  listDevices as devices,
  type PortInfo,
} from './devices.js';
export type { Access, AsyncEventType, QpState, QpType, SendOpcode, WcOpcode, WcStatus } from './enums.js';
export type { HandshakeOptions, HandshakeResult } from './handshake.js';
export { allocate, type Memory, type MemoryOptions } from './memory.js';
export type { QpMigrationState } from './migration.js';
export type { AfterRestore, BeforeDump } from './migration-watch.js';
export type { Mr, MrOptions, Sge } from './mr.js';
export type { Mw } from './mw.js';
export type { QpCap } from './native-objects.js';
export type { CloseOptions, VerbsObject } from './ownership.js';
export type { Pd } from './pd.js';
export type { Qp } from './qp.js';
export type { QpAttributes, QpQuery } from './qp-attributes.js';
export type { QpOptions } from './qp-create.js';
export { QpTransitionError, type TransitionFault } from './qp-transitions.js';
export type { ReceiveBatch, ReceiveRequest } from './receive-batch.js';
export { connect, type Listener, type ListenOptions, listen } from './rendezvous.js';
export type { Round, RoundOptions } from './round.js';
export type { SendBatch } from './send-batch.js';
export type { Srq, SrqOptions } from './srq.js';
export type { RemoteAddress, SendRequest } from './work-request.js';
export type { Xrcd } from './xrcd.js';
