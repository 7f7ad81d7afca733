import { sys } from './addon.mjs';

const [a, b] = sys.socketpair();
const poll = new sys.FdPoll(a, () => {
  console.log(`got ${sys.receive(a).data[0]}`);
  poll.stop();
});
poll.start(1);
setTimeout(() => sys.send(b, Uint8Array.of(1)), 100).unref();
