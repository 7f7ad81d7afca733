import { closeFd, SeqPacket } from '../../../dist/sys/index.js';
import { openFds } from './addon.mjs';

let warnings = 0;
process.on('warning', ({ message }) => {
  if (/garbage collected without close/.test(message)) warnings++;
});
process.removeAllListeners('warning');
process.on('warning', ({ message }) => {
  if (/garbage collected without close/.test(message)) warnings++;
});
const turn = () => new Promise((resolve) => setTimeout(resolve, 5));

SeqPacket.pair().socket.close();
globalThis.gc();
await turn();
const before = openFds();
(function drop() {
  for (let i = 0; i < 50; i++) closeFd(SeqPacket.pair().peerFd);
})();
for (let i = 0; i < 100 && warnings < 50; i++) {
  globalThis.gc();
  await turn();
}
// The pair without close() above left its peer's descriptor, which nobody owns, open on purpose.
console.log(`${warnings} warnings, ${openFds() === before ? 'no' : openFds() - before} descriptor left`);
