import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { sys } from './addon.mjs';

const READABLE = 1;
if (isMainThread) {
  const workers = Array.from({ length: 4 }, () => new Worker(new URL(import.meta.url)));
  const counts = await Promise.all(
    workers.map(
      (worker) => new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject)),
    ),
  );
  console.log(`${workers.length} workers, ${counts.reduce((sum, count) => sum + count)} messages`);
} else {
  const [a, b] = sys.socketpair();
  let received = 0;
  const poll = new sys.FdPoll(b, () => {
    for (let packet = sys.receive(b); packet; packet = sys.receive(b)) {
      if (packet.data[0] !== received || packet.fds.length !== 1) throw new Error('another message');
      for (const fd of packet.fds) sys.closeFd(fd);
      received++;
      if (received < 100) sys.send(a, Uint8Array.of(received), [a]);
      else {
        poll.close();
        parentPort.postMessage(received);
      }
    }
  });
  poll.start(READABLE);
  sys.send(a, Uint8Array.of(0), [a]);
}
