export { processContexts, RxeContext } from './context.js';
export { openRxe, RxeControl } from './control.js';
export type {
  ContextState,
  MigrationState,
  QpInfo,
  Reservation,
  RxeQuery,
  UnsupportedObject,
} from './types.js';
