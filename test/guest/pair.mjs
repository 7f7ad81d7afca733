// Two connected QPs on one device: rxe carries packets to itself.
import { open } from 'roam-rdma/verbs';

export const PERIOD = 20_000;

/** Everything for one end, and its partner. */
export async function pair({ type = 'RC', device, cap, cq, connect = {} } = {}) {
  const context = open(device);
  const gidIndex = context.bestGid({ peer: '10.77.0.1' }).index;
  const pd = context.allocPd();
  const make = () => {
    const queue = context.createCq({ depth: 512, ...cq });
    const qp = pd.createQp({ type, sendCq: queue, cap });
    const mr = pd.alloc(64 * 1024);
    return { cq: queue, qp, mr };
  };
  const left = make();
  const right = make();
  if (type === 'RC' || type === 'UC') {
    const [l, r] = [left.qp.endpoint(gidIndex), right.qp.endpoint(gidIndex)];
    left.qp.connect(r, { gidIndex, ...connect });
    right.qp.connect(l, { gidIndex, ...connect });
  }
  return {
    context,
    pd,
    gidIndex,
    left,
    right,
    remote: (end, offset = 0) => ({ address: end.mr.address + BigInt(offset), rkey: end.mr.rkey }),
    async [Symbol.asyncDispose]() {
      await context.close();
    },
  };
}

/** Runs `test` with a pair that is closed afterwards, whatever happens. */
export async function withPair(options, test) {
  const both = await pair(options);
  try {
    await test(both);
  } finally {
    await both.context.close();
  }
}

export function fill(bytes, seed = 1) {
  for (let i = 0; i < bytes.length; i++) bytes[i] = (i * 31 + seed) & 0xff;
}

/** Polls until `count` completions are there. */
export async function polled(cq, batch, count) {
  const found = [];
  const deadline = Date.now() + PERIOD;
  while (found.length < count) {
    cq.poll(batch);
    found.push(...batch);
    if (Date.now() > deadline) throw new Error(`${found.length} of ${count} completions came`);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return found;
}
