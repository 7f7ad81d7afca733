import { SeqPacket } from '../../../dist/sys/index.js';
import { sys } from './addon.mjs';

let result;
const peer = (() => {
  const { socket, peerFd } = SeqPacket.pair();
  result = socket.receive();
  return peerFd;
})();
for (let i = 0; i < 5; i++) {
  globalThis.gc();
  await new Promise((resolve) => setTimeout(resolve, 5));
}
sys.send(peer, Uint8Array.of(1));
if ((await result).data[0] === 1) console.log('received after 5 collections');
