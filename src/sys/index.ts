export type { Compressed, Packet } from './addon.js';
export { ByteSocket, type Credentials, canSecure } from './byte-socket.js';
export { digestPages } from './digest.js';
export { OwnedFd } from './owned-fd.js';
export { PidFd } from './pidfd.js';
export { Readiness } from './readiness.js';
export { closeFd, SeqPacket } from './seqpacket.js';
export { compress, decompress, zstdVersion } from './zstd.js';
