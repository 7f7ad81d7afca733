// A service over RDMA for a migration test. Server: the main thread and a worker each serve a connection; an
// answer holds what was asked, a hash of it, and how often a timer has ticked. Client: asks both without a
// break, and checks every answer.
//
//   node service.mjs server IP            node service.mjs client IP SERVER SECONDS
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { connect, listen, open } from 'roam-rdma/verbs';

const SIZE = 256;
const PORTS = [18520, 18521];
const [role, ip, server, seconds = '30'] = isMainThread ? process.argv.slice(2) : ['thread', workerData.ip];

/** Enough work to be compiled by the JIT. */
function hash(bytes) {
  let value = 0x811c9dc5;
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < bytes.length; i++) value = Math.imul(value ^ bytes[i], 0x01000193) >>> 0;
  }
  return value;
}

const context = open();
if (role === 'server') {
  context.onBeforeDump(() => console.log('about to be moved'));
  context.onAfterRestore(({ moved }) => console.log(`runs again, ${moved ? 'moved' : 'not moved'}`));
}
const pd = context.allocPd();
const gidIndex = context.bestGid({ address: ip }).index;

function makeEnd() {
  const qp = pd.createQp({ sendCq: context.createCq() });
  return { qp, out: pd.alloc(SIZE), into: pd.alloc(SIZE) };
}

async function serve(port) {
  let ticks = 0;
  setInterval(() => ticks++, 100);
  const { qp, out, into } = makeEnd();
  qp.init();
  let next = qp.recv({ sges: [into.slice()] });
  let resolveSocket;
  const arrival = new Promise((resolve) => {
    resolveSocket = resolve;
  });
  const listener = await listen(resolveSocket, { port });
  console.log(`listening ${port}`);
  const socket = await arrival;
  await qp.handshake(socket, { gidIndex });
  socket.end();
  await listener.close();
  for (let served = 1; ; served++) {
    await next;
    const question = into.bytes.slice(0, 64);
    next = qp.recv({ sges: [into.slice()] });
    // The last one ends with its QP.
    next.catch(() => {});
    out.bytes.set(question, 0);
    out.view.setUint32(64, hash(question));
    out.view.setUint32(68, ticks);
    await qp.send({ opcode: 'SEND', sges: [out.slice()] });
    if (question[0] === 255) {
      console.log(JSON.stringify({ port, served, ticks }));
      await context.close();
      return;
    }
  }
}

async function ask(port, until) {
  const { qp, out, into } = makeEnd();
  const socket = await connect({ host: server, port });
  await qp.handshake(socket, { gidIndex });
  socket.end();
  console.log(`connected ${port}`);
  let [asked, ticks, longest] = [0, 0, 0];
  for (let last = false; !last; ) {
    last = performance.now() > until;
    asked++;
    out.view.setUint32(4, asked);
    for (let i = 8; i < 64; i++) out.bytes[i] = (asked * i) & 0xff;
    out.bytes[0] = last ? 255 : 0;
    const start = performance.now();
    const answer = qp.recv({ sges: [into.slice()] });
    await Promise.all([qp.send({ opcode: 'SEND', sges: [out.slice(0, 64)] }), answer]);
    longest = Math.max(longest, performance.now() - start);
    const question = out.bytes.subarray(0, 64);
    if (!Buffer.from(question).equals(Buffer.from(into.bytes.subarray(0, 64))))
      throw new Error(`answer ${asked} is another's`);
    if (into.view.getUint32(64) !== hash(question)) throw new Error(`answer ${asked} has a wrong hash`);
    if (into.view.getUint32(68) < ticks) throw new Error(`the timer of answer ${asked} ran backwards`);
    ticks = into.view.getUint32(68);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return { port, asked, ticks, longestMs: Math.round(longest) };
}

if (role === 'client') {
  const until = performance.now() + Number(seconds) * 1000;
  const results = await Promise.all(PORTS.map((port) => ask(port, until)));
  await context.close();
  console.log(JSON.stringify({ ok: true, results }));
} else {
  if (isMainThread) new Worker(new URL(import.meta.url), { workerData: { ip } });
  await serve(isMainThread ? PORTS[0] : PORTS[1]);
  process.exitCode = 0;
  if (isMainThread) setTimeout(() => process.exit(0), 3000).unref();
  else process.exit(0);
}
