// Who holds what, and for how long: closing in any order, memory, the garbage collector, threads.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { allocate, CompletionBatch, open } from 'roam-rdma/verbs';
import { pair, withPair } from './pair.mjs';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc');

describe('close()', () => {
  it('closes what was made of an object, users first', async () => {
    const { context, pd, left, right } = await pair();
    await pd.close();
    assert.ok([pd, left.qp, right.qp, left.mr, right.mr].every(({ closed }) => closed));
    assert.ok(!left.cq.closed);
    await left.cq.close();
    await context.close();
    assert.ok(right.cq.closed && context.closed);
  });

  it('refuses with {cascade: false} while there are users, and tells them', () =>
    withPair({}, async ({ context, pd, left, right }) => {
      await assert.rejects(pd.close({ cascade: false }), (error) => {
        assert.equal(error.code, 'EBUSY');
        assert.match(error.message, new RegExp(`a PD is in use by .*QP ${left.qp.qpn}`));
        return true;
      });
      await assert.rejects(left.cq.close({ cascade: false }), { code: 'EBUSY' });
      assert.ok(!pd.closed);
      for (const object of [left.qp, right.qp, left.mr, right.mr, pd]) await object.close({ cascade: false });
      assert.ok(pd.closed);
      await assert.rejects(context.close({ cascade: false }), { code: 'EBUSY' });
    }));

  it('may be called again, also at once', () =>
    withPair({}, async ({ left }) => {
      left.qp.postRecv({ sges: [left.mr.slice(0, 8)] });
      await Promise.all([left.qp.close(), left.qp.close()]);
      await left.qp.close();
      assert.throws(() => left.qp.postRecv({}), { code: 'CLOSED' });
      assert.throws(() => left.qp.state, { code: 'CLOSED' });
    }));

  it('of a QP tells everyone who waits on it', () =>
    withPair({}, async ({ left, right }) => {
      left.qp.postRecv({ wrId: 5, sges: [left.mr.slice(0, 8)] });
      const waiting = [1, 2, 3].map(() => left.qp.recv({ sges: [left.mr.slice(0, 8)] }));
      const settled = Promise.allSettled(waiting);
      await left.qp.close();
      for (const { reason } of await settled) assert.equal(reason.status, 'WR_FLUSH_ERR');
      const batch = new CompletionBatch();
      left.cq.poll(batch);
      assert.deepEqual(
        [...batch].map(({ wrId, status }) => [wrId, status]),
        [[5, 'WR_FLUSH_ERR']],
      );
      await right.qp.close();
    }));

  it('of an MR waits for nothing: it is refused while the device may use it', () =>
    withPair({}, async ({ left }) => {
      const got = left.qp.recv({ sges: [left.mr.slice(0, 8)] });
      await assert.rejects(left.mr.close(), { code: 'EBUSY' });
      assert.ok(!left.mr.closed);
      await Promise.all([assert.rejects(got), left.qp.close()]);
      await left.mr.close();
    }));

  it('of a CQ with requests open ends them', () =>
    withPair({}, async ({ left }) => {
      const got = assert.rejects(left.qp.recv({ sges: [left.mr.slice(0, 8)] }));
      await left.cq.close();
      await got;
      assert.ok(left.qp.closed);
    }));

  it('happens at the end of `await using`', async () => {
    const { context } = await pair();
    await context[Symbol.asyncDispose]();
    assert.ok(context.closed);
  });
});

describe('an aborted wait', () => {
  it('rejects at once, and the request keeps its memory', () =>
    withPair({}, async ({ left, right }) => {
      const abort = new AbortController();
      const got = right.qp.recv({ sges: [right.mr.slice(0, 64)] }, { signal: abort.signal });
      abort.abort(new Error('no more'));
      await assert.rejects(got, /no more/);
      await assert.rejects(right.mr.close(), { code: 'EBUSY' });
      left.mr.bytes[0] = 77;
      await left.qp.send({ opcode: 'SEND', sges: [left.mr.slice(0, 64)] });
      for (let i = 0; i < 200 && right.mr.bytes[0] !== 77; i++) await new Promise((r) => setTimeout(r, 5));
      assert.equal(right.mr.bytes[0], 77, 'the message went where it was to go');
      right.cq.poll(new CompletionBatch());
      await right.mr.close();
    }));
});

describe('memory', () => {
  it('is page-aligned, zeroed, and gone after close()', () =>
    withPair({}, async ({ pd }) => {
      const mr = pd.alloc(10_000);
      assert.equal(mr.address % 4096n, 0n);
      const { bytes } = mr;
      assert.equal(bytes.length, 10_000);
      assert.ok(bytes.every((byte) => byte === 0));
      await mr.close();
      assert.equal(bytes.length, 0);
      assert.equal(bytes[0], undefined);
      assert.throws(() => mr.bytes, { code: 'CLOSED' });
    }));

  it('cannot be transferred to a thread', () =>
    withPair({}, async ({ left }) => {
      const { buffer } = left.mr.memory;
      // Before version 21, Node makes a copy instead.
      let copy;
      try {
        copy = structuredClone(buffer, { transfer: [buffer] });
      } catch (error) {
        assert.equal(error.name, 'DataCloneError');
      }
      if (copy !== undefined) new Uint8Array(copy)[0] = 1;
      assert.equal(left.mr.bytes[0], 0);
      assert.equal(buffer.byteLength, left.mr.length);
    }));

  it('of another origin is refused', () =>
    withPair({}, async ({ pd }) => {
      const bad = [
        [new ArrayBuffer(64), /memory of the JavaScript heap/],
        [Buffer.alloc(64), /memory of the JavaScript heap/],
        [new SharedArrayBuffer(64), /SharedArrayBuffer/],
        [new ArrayBuffer(8, { maxByteLength: 64 }), /resizable/],
        [null, /null/],
        [7, /number/],
      ];
      for (const [value, message] of bad) assert.throws(() => pd.register(value), message);
    }));

  it(
    'that is taken away by ArrayBuffer.transfer stays mapped under the device',
    { skip: ArrayBuffer.prototype.transfer === undefined && 'no transfer() in this Node' },
    () =>
      withPair({}, async ({ left, right, remote }) => {
        let taken = right.mr.memory.buffer.transfer();
        left.mr.bytes.fill(9);
        await left.qp.send({ opcode: 'WRITE', sges: [left.mr.slice(0, 4096)], remote: remote(right) });
        assert.equal(new Uint8Array(taken)[4095], 9);
        taken = undefined;
        gc();
        await left.qp.send({ opcode: 'WRITE', sges: [left.mr.slice(0, 4096)], remote: remote(right) });
      }),
  );
});

describe('the garbage collector', () => {
  it('closes nothing, and warns', async () => {
    const warned = new Promise((resolve) => process.once('warning', resolve));
    const context = open();
    (() => {
      const pd = context.allocPd();
      pd.alloc(4096);
    })();
    for (let i = 0; i < 20; i++) {
      gc();
      await new Promise((resolve) => setImmediate(resolve));
    }
    const { name, message } = await warned;
    assert.equal(name, 'RoamWarning');
    assert.match(message, /was garbage collected without close\(\)/);
    await context.close();
  });

  it('leaves alone what a request holds', () =>
    withPair({}, async ({ left, right, remote }) => {
      for (let i = 0; i < 20; i++) {
        const sent = left.qp.send({
          opcode: 'WRITE',
          sges: [left.mr.slice(0, 60_000)],
          remote: remote(right),
        });
        gc();
        await sent;
      }
    }));
});

describe('the end of an environment', () => {
  const program = (body) => `
    import { pair } from ${JSON.stringify(new URL('./pair.mjs', import.meta.url).href)};
    const { context, left, right } = await pair();
    for (let i = 0; i < 20; i++) right.qp.postRecv({ sges: [right.mr.slice(0, 64)] });
    for (let i = 0; i < 20; i++) left.qp.postSend({ opcode: 'SEND', sges: [left.mr.slice(0, 64)] });
    ${body}`;
  const run = (body) => {
    const file = `/tmp/roam-end-${process.pid}.mjs`;
    spawnSync('sh', ['-c', 'cat > "$1"', 'sh', file], { input: program(body) });
    const { status, signal, stderr } = spawnSync(process.execPath, [file], {
      encoding: 'utf8',
      timeout: 60_000,
    });
    return { status, signal, stderr };
  };

  it('takes a process with open objects down cleanly', () => {
    assert.deepEqual(run(''), { status: 0, signal: null, stderr: '' });
  });

  it('and one that exits in the middle of posted work', () => {
    assert.deepEqual(run('left.qp.recv({}).catch(() => {}); process.exit(3);'), {
      status: 3,
      signal: null,
      stderr: '',
    });
  });

  it('and one that throws', () => {
    const { status, signal, stderr } = run('throw new Error("as planned");');
    assert.deepEqual({ status, signal }, { status: 1, signal: null });
    assert.match(stderr, /as planned/);
  });

  it('and a thread that is terminated, in the midst of its work', async () => {
    const source = `import(${JSON.stringify(new URL('./pair.mjs', import.meta.url).href)}).then(async ({ pair }) => {
      const { parentPort } = require('node:worker_threads');
      const { left, right } = await pair();
      parentPort.postMessage('running');
      for (;;) {
        const got = right.qp.recv({ sges: [right.mr.slice(0, 4096)] });
        await left.qp.send({ opcode: 'SEND', sges: [left.mr.slice(0, 4096)] });
        await got;
      }
    });`;
    const workers = [1, 2].map(() => new Worker(source, { eval: true }));
    await Promise.all(
      workers.map(
        (worker) => new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject)),
      ),
    );
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.deepEqual(await Promise.all(workers.map((worker) => worker.terminate())), [1, 1]);
  });
});

describe('objects of another kind', () => {
  it('are refused wherever they are passed', () =>
    withPair({}, async ({ context, pd, left }) => {
      assert.throws(() => pd.createQp({ sendCq: undefined }), TypeError);
      assert.throws(() => pd.createQp({ sendCq: left.mr }), TypeError);
      assert.throws(() => left.qp.postSend({ opcode: 'SEND', sges: [{ mr: left.qp }] }), Error);
      assert.throws(() => pd.register({ native: {} }), TypeError);
      const other = open();
      const mr = other.allocPd().alloc(4096);
      assert.throws(
        () => left.qp.postSend({ opcode: 'SEND', sges: [mr.slice(0, 8)] }),
        /in no MR of this context|another PD/,
      );
      const elsewhere = context.allocPd().alloc(4096);
      assert.throws(() => left.qp.postSend({ opcode: 'SEND', sges: [elsewhere.slice(0, 8)] }), /another PD/);
      await other.close();
    }));
});

it('memory survives without a device', () => {
  const memory = allocate(100);
  assert.equal(memory.buffer.byteLength, 100);
  memory.free();
  memory.free();
});
