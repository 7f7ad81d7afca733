export { type ByteChannel, type Connection, channelOver, StreamChannel } from './channel.js';
export { PageFilter } from './filter.js';
export { LazyPages, type LazySums, serveLazyPages } from './lazy.js';
export { relayLazyPages } from './lazy-relay.js';
export { PAGE } from './protocol.js';
export {
  type PageRange,
  type PageRound,
  PageStreamError,
  type RoundOptions,
  type UntrackedMemory,
} from './types.js';
