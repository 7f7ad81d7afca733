// Programs of random steps: whatever order objects are made, used and closed in, every step works or throws an
// error of this package, nothing waits for ever, and in the end all can be closed.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { RoamError } from 'roam-rdma';
import { allocate, open } from 'roam-rdma/verbs';

const PATIENCE = 20_000;
const LIMIT = 24;

/** Errors that a program may get. All others, and hanging, are faults. */
function expected(error) {
  const known = error instanceof RoamError || error instanceof TypeError || error instanceof RangeError;
  assert.ok(known || error.name === 'WorkCompletionError', error.stack);
  assert.doesNotMatch(error.message, /Cannot read|is not a function|is not iterable/, error.stack);
}

async function inTime(what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(
      () => reject(new assert.AssertionError({ message: `${what} does not end` })),
      PATIENCE,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The objects of one program, by kind; closed ones stay, so that they are used as well. */
class World {
  objects = { context: [], pd: [], cq: [], channel: [], qp: [], srq: [], mr: [], ah: [], mw: [], memory: [] };
  waiting = [];

  pick(kind, n) {
    const all = this.objects[kind];
    if (all.length === 0) throw new RoamError('NONE', `there is no ${kind}`);
    return all[n % all.length];
  }

  keep(kind, object) {
    if (this.objects[kind].length < LIMIT) this.objects[kind].push(object);
    else if (kind === 'memory') object.free();
    else this.wait(object.close());
  }

  wait(promise) {
    this.waiting.push(promise.catch(expected));
  }
}

const TYPES = ['RC', 'UC', 'UD'];
const GID = { address: '10.77.0.1' };

/** One step each; `n` and `m` choose among the objects. */
const steps = {
  open: (w) => w.keep('context', open()),
  pd: (w, n) => w.keep('pd', w.pick('context', n).allocPd()),
  channel: (w, n) => w.keep('channel', w.pick('context', n).createChannel()),
  cq: (w, n, m) =>
    w.keep(
      'cq',
      w.pick('context', n).createCq({ depth: 16, channel: m % 3 === 0 ? w.pick('channel', m) : undefined }),
    ),
  srq: (w, n) => w.keep('srq', w.pick('pd', n).createSrq({ maxWr: 8, maxSge: 1 })),
  qp: (w, n, m) =>
    w.keep(
      'qp',
      w.pick('pd', n).createQp({
        type: TYPES[m % 3],
        sendCq: w.pick('cq', n),
        recvCq: w.pick('cq', m),
        srq: m % 4 === 0 ? w.pick('srq', m) : undefined,
        cap: { maxSendWr: 8, maxRecvWr: 8 },
      }),
    ),
  alloc: (w, n) => w.keep('mr', w.pick('pd', n).alloc(4096)),
  memory: (w) => w.keep('memory', allocate(4096)),
  register: (w, n, m) => w.keep('mr', w.pick('pd', n).register(w.pick('memory', m))),
  ah: (w, n) => w.keep('ah', w.pick('pd', n).createAh({ dgid: '::ffff:10.77.0.1', sgidIndex: 1 })),
  mw: (w, n, m) => w.keep('mw', w.pick('pd', n).allocMw(1 + (m % 2))),
  init: (w, n) => w.pick('qp', n).init(),
  connect(w, n, m) {
    const [left, right] = [w.pick('qp', n), w.pick('qp', m)];
    const { index } = w.pick('context', n).bestGid(GID);
    const ends = [left.endpoint(index), right.endpoint(index)];
    left.connect(ends[1], { gidIndex: index });
    if (right !== left) right.connect(ends[0], { gidIndex: index });
  },
  fail: (w, n) => w.pick('qp', n).modify({ state: 'ERR' }),
  reset: (w, n) => w.pick('qp', n).modify({ state: 'RESET' }),
  recv: (w, n, m) => w.wait(w.pick('qp', n).recv({ sges: [w.pick('mr', m).slice(0, 64)] })),
  send: (w, n, m) => w.wait(w.pick('qp', n).send({ opcode: 'SEND', sges: [w.pick('mr', m).slice(0, 64)] })),
  write(w, n, m) {
    const to = w.pick('mr', n);
    const remote = { address: to.address, rkey: to.rkey };
    w.wait(w.pick('qp', n).send({ opcode: 'WRITE', sges: [w.pick('mr', m).slice()], remote }));
  },
  post: (w, n, m) => w.pick('qp', n).postRecv({ wrId: m, sges: [w.pick('mr', m).slice(0, 8)] }),
  resize: (w, n) => w.pick('cq', n).resize(32),
  free: (w, n) => w.pick('memory', n).free(),
  gc: () => globalThis.gc?.(),
  turn: (w) => w.wait(new Promise((resolve) => setTimeout(resolve, 5))),
};
for (const kind of Object.keys(new World().objects).filter((name) => name !== 'memory')) {
  steps[`close ${kind}`] = (w, n, m) => w.wait(w.pick(kind, n).close(m % 2 ? { cascade: false } : {}));
}

const step = fc.record({
  // Objects are made more often than they are closed, or nothing would ever happen.
  name: fc.oneof(
    {
      weight: 3,
      arbitrary: fc.constantFrom(...Object.keys(steps).filter((name) => !name.startsWith('close'))),
    },
    { weight: 1, arbitrary: fc.constantFrom(...Object.keys(steps)) },
  ),
  n: fc.nat(LIMIT),
  m: fc.nat(LIMIT),
});

async function run(program) {
  const world = new World();
  // A foundation, so that most steps have something to work on.
  const context = open();
  world.keep('context', context);
  const pd = context.allocPd();
  world.keep('pd', pd);
  world.keep('cq', context.createCq({ depth: 16 }));
  world.keep('mr', pd.alloc(4096));
  for (let i = 0; i < 2; i++) {
    const qp = pd.createQp({ sendCq: world.pick('cq', 0), cap: { maxSendWr: 8, maxRecvWr: 8 } });
    world.keep('qp', qp);
  }
  for (const { name, n, m } of program) {
    try {
      await inTime(name, steps[name](world, n, m));
    } catch (error) {
      expected(error);
    }
  }
  for (const one of world.objects.context) await inTime('closing all', one.close());
  for (const one of world.objects.memory) one.free();
  await inTime('what was waited for', Promise.allSettled(world.waiting));
}

describe('any order', () => {
  it('of steps works, or says why not', async () => {
    const runs = Number(process.env.ROAM_ORDERS ?? 25);
    const program = fc.array(step, { minLength: 20, maxLength: 60 });
    await fc.assert(fc.asyncProperty(program, run), { numRuns: runs, endOnFailure: true });
  });
});
