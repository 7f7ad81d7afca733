// The client of rping(1), for its server: node rping.mjs SERVER PORT COUNT
// Each round: the server READs what we tell it of, then WRITEs it where we tell it to.
import assert from 'node:assert/strict';
import { connect } from 'roam-rdma/rdmacm';
import { open } from 'roam-rdma/verbs';

const [host, port, count] = process.argv.slice(2);
const SIZE = 64;
const TEXT = 0;
const COPY = 1024;
const TOLD = 2048;
const ANSWER = 3072;

let context;
let mr;
let answer;
const connection = await connect({
  host,
  port: Number(port),
  responderResources: 1,
  initiatorDepth: 1,
  qp: (path) => {
    context = open(path.device);
    const pd = context.allocPd();
    const qp = pd.createQp({ sendCq: context.createCq() });
    mr = pd.alloc(4096, { access: ['LOCAL_WRITE', 'REMOTE_READ', 'REMOTE_WRITE'] });
    qp.init({ port: path.port });
    answer = qp.recv({ sges: [mr.slice(ANSWER, 16)] });
    return qp;
  },
});
const { qp } = connection;

/** Tells the server of memory, and waits until it has done with it. */
async function tell(offset) {
  mr.view.setBigUint64(TOLD, mr.address + BigInt(offset));
  mr.view.setUint32(TOLD + 8, mr.rkey);
  mr.view.setUint32(TOLD + 12, SIZE);
  await qp.send({ opcode: 'SEND', sges: [mr.slice(TOLD, 16)] });
  await answer;
  answer = qp.recv({ sges: [mr.slice(ANSWER, 16)] });
  // The last one ends with the QP.
  answer.catch(() => {});
}

for (let round = 0; round < Number(count); round++) {
  mr.bytes.fill(65 + (round % 26), TEXT, TEXT + SIZE);
  mr.bytes[TEXT + SIZE - 1] = 0;
  await tell(TEXT);
  await tell(COPY);
  assert.deepEqual(mr.bytes.slice(COPY, COPY + SIZE), mr.bytes.slice(TEXT, TEXT + SIZE));
}
await connection.close();
await context.close();
console.log(`${count} rounds`);
