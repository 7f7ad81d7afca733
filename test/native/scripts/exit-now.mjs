import { sys } from './addon.mjs';

const [a, b] = sys.socketpair();
const how = process.argv[2];
const poll = new sys.FdPoll(a, () => {
  if (how === 'in-callback') process.exit(8);
});
poll.start(1);
if (how === 'in-callback') sys.send(b, Uint8Array.of(1));
if (how === 'exit') process.exit(7);
if (how === 'throw') throw new Error('thrown');
if (how === 'reject') await Promise.reject(new Error('rejected'));
