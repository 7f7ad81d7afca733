import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { sys } from './addon.mjs';

if (isMainThread) {
  for (let i = 0; i < 20; i++) {
    const worker = new Worker(new URL(import.meta.url));
    await new Promise((resolve) => worker.once('message', resolve));
    // Some at rest, some in the middle of their callbacks.
    if (i % 2) await new Promise((resolve) => setTimeout(resolve, 5));
    await worker.terminate();
  }
  console.log('20 terminated');
} else {
  const [a, b] = sys.socketpair();
  const poll = new sys.FdPoll(b, () => {
    while (sys.receive(b));
    sys.send(a, Uint8Array.of(1));
  });
  poll.start(1);
  sys.send(a, Uint8Array.of(1));
  const [, idle] = sys.socketpair();
  new sys.FdPoll(idle, () => {}).start(1);
  parentPort.postMessage('ready');
}
