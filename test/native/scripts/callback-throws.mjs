import { sys } from './addon.mjs';

let uncaught = '';
process.on('uncaughtException', (error) => {
  uncaught = error.message;
});
const [a, b] = sys.socketpair();
const poll = new sys.FdPoll(a, () => {
  sys.receive(a);
  if (uncaught === '') {
    setImmediate(() => sys.send(b, Uint8Array.of(2)));
    throw new Error('from the callback');
  }
  poll.close();
  console.log(`uncaught: ${uncaught}; polls on`);
});
poll.start(1);
sys.send(b, Uint8Array.of(1));
