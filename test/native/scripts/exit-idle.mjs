import { sys } from './addon.mjs';

const [a] = sys.socketpair();
const poll = new sys.FdPoll(a, () => {});
poll.start(1);
poll.stop();
console.log('idle');
