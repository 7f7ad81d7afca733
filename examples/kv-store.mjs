// A key-value store whose clients do everything: they READ and WRITE the server's memory, and lock a slot by
// COMPARE_SWAP. The server only gives the memory and connects; its processor takes no part.
//
//   node examples/kv-store.mjs                    server
//   node examples/kv-store.mjs HOST set KEY VALUE
//   node examples/kv-store.mjs HOST get KEY
import { createHash } from 'node:crypto';
import { connect, listen, open } from 'roam-rdma/verbs';

// A slot: 8 bytes of lock, 1 of key length, 1 of value length, 54 of key, 64 of value.
const SLOT = 128;
const SLOTS = 1024;
const PORT = 18516;
const [host, command, key, value = ''] = process.argv.slice(2);

const context = open();
const pd = context.allocPd();
const gidIndexOf = (socket) =>
  context.bestGid({ address: socket.localAddress.replace(/^::ffff:/, '') }).index;

async function serve() {
  const store = pd.alloc(SLOTS * SLOT);
  const listener = await listen(
    async (socket) => {
      const qp = pd.createQp({ sendCq: context.createCq() });
      await qp.handshake(socket, { gidIndex: gidIndexOf(socket), regions: { store } });
      // The exchange stays open as long as the client lives: its end is the connection's.
      socket.resume().on('close', () => qp.close());
    },
    { port: PORT },
  );
  console.log(`${SLOTS} slots on port ${PORT}`);
  await new Promise((resolve) => process.once('SIGTERM', resolve).once('SIGINT', resolve));
  await listener.close();
}

async function client() {
  const qp = pd.createQp({ sendCq: context.createCq() });
  const local = pd.alloc(SLOT);
  const socket = await connect({ host, port: PORT });
  const { regions } = await qp.handshake(socket, { gidIndex: gidIndexOf(socket) });
  const { store } = regions;
  const whole = [local.slice()];
  const at = (slot, offset = 0) => ({
    address: store.address + BigInt(slot * SLOT + offset),
    rkey: store.rkey,
  });

  /** Runs `change` with the slot locked; its content is in `local`. */
  async function locked(slot, change) {
    for (;;) {
      const swap = BigInt(process.pid);
      await qp.send({
        opcode: 'COMPARE_SWAP',
        compare: 0n,
        swap,
        sges: [local.slice(0, 8)],
        remote: at(slot),
      });
      if (local.view.getBigUint64(0, true) === 0n) break;
    }
    await qp.send({ opcode: 'READ', sges: whole, remote: at(slot) });
    const result = change();
    await qp.send({ opcode: 'WRITE', sges: [local.slice(8)], remote: at(slot, 8) });
    local.view.setBigUint64(0, 0n, true);
    await qp.send({ opcode: 'WRITE', sges: [local.slice(0, 8)], remote: at(slot) });
    return result;
  }

  const keyOf = () => Buffer.from(local.bytes.subarray(10, 10 + local.bytes[8])).toString();
  /** Slots are tried one after the other from where the key's hash points. */
  async function find(wanted, use) {
    const first = createHash('sha256').update(wanted).digest().readUInt32LE() % SLOTS;
    for (let n = 0; n < SLOTS; n++) {
      const slot = (first + n) % SLOTS;
      await qp.send({ opcode: 'READ', sges: whole, remote: at(slot) });
      if (local.bytes[8] === 0 || keyOf() === wanted) return use(slot);
    }
    throw new Error('the store is full');
  }

  if (command === 'set') {
    const [keyBytes, valueBytes] = [Buffer.from(key), Buffer.from(value)];
    if (keyBytes.length > 54 || valueBytes.length > 64)
      throw new Error('a key has 54 bytes at most, a value 64');
    const stored = await find(key, (slot) =>
      locked(slot, () => {
        if (local.bytes[8] !== 0 && keyOf() !== key) return false;
        local.bytes[8] = keyBytes.length;
        local.bytes[9] = valueBytes.length;
        local.bytes.set(keyBytes, 10);
        local.bytes.set(valueBytes, 64);
        return true;
      }),
    );
    if (!stored) throw new Error('somebody else took the slot: try again');
    console.log('stored');
  } else {
    const found = await find(key, () => local.bytes[8] !== 0);
    if (!found) throw new Error(`there is no ${key}`);
    console.log(Buffer.from(local.bytes.subarray(64, 64 + local.bytes[9])).toString());
  }
  socket.end();
}

await (host === undefined ? serve() : client());
await context.close();
