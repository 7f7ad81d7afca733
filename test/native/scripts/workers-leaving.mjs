import { isMainThread, Worker } from 'node:worker_threads';
import { sys } from './addon.mjs';

if (isMainThread) {
  const codes = new Set();
  for (let i = 0; i < 20; i++) {
    const worker = new Worker(new URL(import.meta.url));
    codes.add(await new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject)));
  }
  console.log(`20 ended, exit codes ${[...codes]}`);
} else {
  for (let i = 0; i < 10; i++) {
    const [a, b] = sys.socketpair();
    const poll = new sys.FdPoll(a, () => {});
    poll.start(1);
    poll.unref();
    const closed = new sys.FdPoll(b, () => {});
    closed.start(2);
    closed.close();
  }
}
