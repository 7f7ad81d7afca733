// The other end of pyverbs_peer.py: node pyverbs.mjs HOST PORT
import assert from 'node:assert/strict';
import { listen, open } from 'roam-rdma/verbs';

const [host, port] = process.argv.slice(2);
const context = open();
const pd = context.allocPd();
const qp = pd.createQp({ sendCq: context.createCq() });
const mr = pd.alloc(8192);
mr.view.setBigUint64(0, 37n, true);
mr.bytes.set(Buffer.from('from a node'), 2048);
qp.init();
const told = qp.recv({ sges: [mr.slice(4096, 64)] });
const listener = await listen(
  async (socket) => {
    const gidIndex = context.bestGid({ address: host }).index;
    await qp.handshake(socket, { gidIndex, regions: { board: mr } });
    const { byteLength, immediate } = await told;
    assert.equal(Buffer.from(mr.bytes.slice(4096, 4096 + byteLength)).toString(), 'from python');
    assert.equal(immediate, 0x01020304);
    assert.equal(Buffer.from(mr.bytes.slice(1024, 1024 + 11)).toString(), 'from python');
    assert.equal(mr.view.getBigUint64(0, true), 42n);
    const echo = qp.recv({ sges: [mr.slice(5120, 64)] });
    mr.bytes.set(Buffer.from('and back'), 6144);
    await qp.send({ opcode: 'SEND', sges: [mr.slice(6144, 8)] });
    assert.equal((await echo).byteLength, 8);
    assert.equal(Buffer.from(mr.bytes.slice(5120, 5128)).toString(), 'and back');
    await context.close();
    await listener.close();
    console.log('good');
  },
  { port: Number(port) },
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
console.log('listening');
