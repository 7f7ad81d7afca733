export { processContexts, RxeContext } from './context.js';
export { openRxe, RxeControl } from './control.js';
export type { ContextState, MigrationState, QpInfo, RxeQuery, UnsupportedObject } from './types.js';
