// Copies a file: the sender WRITEs it into a ring of the receiver's memory, each block with its length as
// immediate data; the receiver gives blocks back by a message.
//
//   node examples/file-copy.mjs receive FILE
//   node examples/file-copy.mjs send FILE HOST
import { open as openFile } from 'node:fs/promises';
import { connect, listen, open } from 'roam-rdma/verbs';

const BLOCK = 256 * 1024;
const BLOCKS = 8;
const PORT = 18517;
const [mode, file, host] = process.argv.slice(2);

const context = open();
const pd = context.allocPd();
const cq = context.createCq();
const qp = pd.createQp({ sendCq: cq });
const ring = pd.alloc(BLOCK * BLOCKS);
// From here on it takes receives.
qp.init();
const gidIndexOf = (socket) =>
  context.bestGid({ address: socket.localAddress.replace(/^::ffff:/, '') }).index;

async function receive() {
  let arrived;
  const arrival = new Promise((resolve) => {
    arrived = resolve;
  });
  const listener = await listen(arrived, { port: PORT });
  console.log(`waiting on port ${listener.port}`);
  const socket = await arrival;
  await listener.close();
  // One receive for each block of the ring, before the sender may begin.
  const told = Array.from({ length: BLOCKS }, () => qp.recv({}));
  for (const one of told) one.catch(() => {});
  await qp.handshake(socket, { gidIndex: gidIndexOf(socket), regions: { ring } });
  const out = await openFile(file, 'w');
  let total = 0;
  for (let n = 0; ; n++) {
    const { immediate: length } = await told[n % BLOCKS];
    if (length === 0) break;
    await out.write(ring.bytes, (n % BLOCKS) * BLOCK, length);
    total += length;
    told[n % BLOCKS] = qp.recv({});
    told[n % BLOCKS].catch(() => {});
    await qp.send({ opcode: 'SEND_WITH_IMM', immediate: n });
  }
  await out.close();
  console.log(`${total} bytes received`);
  socket.destroy();
}

async function send() {
  const freed = Array.from({ length: BLOCKS }, () => qp.recv({}));
  for (const one of freed) one.catch(() => {});
  const socket = await connect({ host, port: PORT });
  const { regions } = await qp.handshake(socket, { gidIndex: gidIndexOf(socket) });
  const input = await openFile(file);
  const start = performance.now();
  let total = 0;
  for (let n = 0; ; n++) {
    if (n >= BLOCKS) {
      await freed[n % BLOCKS];
      freed[n % BLOCKS] = qp.recv({});
      freed[n % BLOCKS].catch(() => {});
    }
    const offset = (n % BLOCKS) * BLOCK;
    const { bytesRead } = await input.read(ring.bytes, offset, BLOCK);
    const remote = { address: regions.ring.address + BigInt(offset), rkey: regions.ring.rkey };
    const sges = bytesRead > 0 ? [ring.slice(offset, bytesRead)] : [];
    await qp.send({ opcode: 'WRITE_WITH_IMM', immediate: bytesRead, sges, remote });
    total += bytesRead;
    if (bytesRead === 0) break;
  }
  await input.close();
  // The receiver's last messages are to be acknowledged: it closes when it has everything.
  await new Promise((resolve) => socket.resume().once('close', resolve));
  const seconds = (performance.now() - start) / 1000;
  console.log(
    `${total} bytes sent in ${seconds.toFixed(2)} s, ${(total / seconds / (1 << 20)).toFixed(2)} MiB/s`,
  );
  socket.end();
}

await (mode === 'receive' ? receive() : send());
await context.close();
