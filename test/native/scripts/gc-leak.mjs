import { openFds, sys } from './addon.mjs';

const round = async () => {
  for (let i = 0; i < 2000; i++) {
    const [a, b] = sys.socketpair();
    const poll = new sys.FdPoll(a, () => {});
    poll.start(1);
    sys.send(b, new Uint8Array(64));
    sys.receive(a);
    poll.close();
    sys.closeFd(a);
    sys.closeFd(b);
    if (i % 100 === 0) await new Promise(setImmediate);
  }
  globalThis.gc();
  await new Promise((resolve) => setTimeout(resolve, 10));
  globalThis.gc();
};
for (let i = 0; i < 3; i++) await round();
const fds = openFds();
// The heap may take a step once; a leak takes one each time.
let grown = Infinity;
for (let attempt = 0; attempt < 3 && grown > 3 * 1024; attempt++) {
  const memory = process.memoryUsage().rss;
  for (let i = 0; i < 5; i++) await round();
  grown = Math.round((process.memoryUsage().rss - memory) / 1024);
}
if (openFds() !== fds) throw new Error(`${openFds() - fds} descriptors leaked`);
// 10,000 polls of about 400 bytes would be 4 MiB; the allocator's own growth stays well below.
if (grown > 3 * 1024) throw new Error(`${grown} KiB more after 10,000 sockets`);
console.log(`no descriptor left, ${Math.max(0, grown)} KiB`);
