export {
  PageFilter,
  type PageRound,
  PageStreamError,
  type RoundOptions,
  type UntrackedMemory,
} from './filter.js';
export { PAGE } from './protocol.js';
