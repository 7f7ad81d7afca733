// The hosts of a fleet: what they are, whose numbers are whose, and one that is emptied.
export { assignRanges } from './assign.js';
export { drain } from './drain.js';
export { nodes } from './nodes.js';
export type * from './types.js';
