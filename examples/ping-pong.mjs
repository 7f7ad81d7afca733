// Ping-pong over SEND and RECV: a server that echoes what each of its clients sends.
//
//   node examples/ping-pong.mjs                    server
//   node examples/ping-pong.mjs HOST [COUNT] [MS]  client: COUNT pings, MS milliseconds apart
//
// The server can be moved to another host while it serves: `roam migrate pid:... --to HOST --ip ...`.
import { connect, listen, open } from 'roam-rdma/verbs';

const SIZE = 64;
const [host, count = '10', pause = '0'] = process.argv.slice(2);

const context = open();
const pd = context.allocPd();

/** One connection, with a buffer for each direction. */
function makeEnd() {
  const cq = context.createCq();
  const qp = pd.createQp({ sendCq: cq });
  return { cq, qp, out: pd.alloc(SIZE), into: pd.alloc(SIZE) };
}

async function serve() {
  const listener = await listen(async (socket) => {
    const { cq, qp, out, into } = makeEnd();
    qp.init();
    let next = qp.recv({ sges: [into.slice()] });
    next.catch(() => {});
    await qp.handshake(socket, { gidIndex: context.bestGid({ address: ownAddress(socket) }).index });
    socket.end();
    console.log(`QP ${qp.qpn} is connected`);
    try {
      for (;;) {
        await next;
        out.bytes.set(into.bytes);
        next = qp.recv({ sges: [into.slice()] });
        next.catch(() => {});
        await qp.send({ opcode: 'SEND', sges: [out.slice()] });
      }
    } catch (error) {
      console.log(`QP ${qp.qpn} ended: ${error.message}`);
    }
    for (const object of [cq, out, into]) await object.close();
  });
  console.log(`listening on port ${listener.port}`);
  await new Promise((resolve) => process.once('SIGTERM', resolve).once('SIGINT', resolve));
  await listener.close();
}

async function ping() {
  const { qp, out, into } = makeEnd();
  const socket = await connect({ host });
  await qp.handshake(socket, { gidIndex: context.bestGid({ address: ownAddress(socket) }).index });
  socket.end();
  let longest = 0;
  for (let n = 1; n <= Number(count); n++) {
    out.view.setUint32(0, n);
    const start = performance.now();
    const answer = qp.recv({ sges: [into.slice()] });
    await Promise.all([qp.send({ opcode: 'SEND', sges: [out.slice()] }), answer]);
    const time = performance.now() - start;
    longest = Math.max(longest, time);
    if (into.view.getUint32(0) !== n) throw new Error(`ping ${n} came back as ${into.view.getUint32(0)}`);
    if (n <= 3) console.log(`ping ${n}: ${time.toFixed(3)} ms`);
    if (Number(pause) > 0) await new Promise((resolve) => setTimeout(resolve, Number(pause)));
  }
  console.log(`${count} pings came back whole, the longest after ${longest.toFixed(3)} ms`);
}

/** The address of this end of the exchange, written as IPv4 where it is. */
function ownAddress(socket) {
  return socket.localAddress.replace(/^::ffff:/, '');
}

await (host === undefined ? serve() : ping());
await context.close();
