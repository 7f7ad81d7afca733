// What a program must not be able to do to itself: requests that are refused, forgotten, stale or too many.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect as tcpConnect } from 'node:net';
import { describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { deflate } from 'node:zlib';
import { CompletionBatch, listen, open } from 'roam-rdma/verbs';
import { fill, polled, withPair } from './pair.mjs';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc');
const soon = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const undecided = Symbol('undecided');
const within = (promise, ms) => Promise.race([promise, soon(ms).then(() => undecided)]);

describe('a request', () => {
  it('before RTS is refused, and not carried out later', () =>
    withPair({}, async ({ pd, left, right, gidIndex }) => {
      const sender = pd.createQp({ sendCq: left.cq });
      const receiver = pd.createQp({ sendCq: right.cq });
      const ghost = { opcode: 'SEND', sges: [left.mr.slice(0, 8)] };
      assert.throws(() => sender.postSend(ghost), { code: 'EINVAL', posted: 0 });
      sender.init();
      assert.throws(() => sender.postSend(ghost), /connect first|before RTS/);
      receiver.init();
      receiver.postRecv(
        { wrId: 1, sges: [right.mr.slice(0, 64)] },
        { wrId: 2, sges: [right.mr.slice(64, 64)] },
      );
      const [s, r] = [sender.endpoint(gidIndex), receiver.endpoint(gidIndex)];
      sender.connect(r, { gidIndex });
      receiver.connect(s, { gidIndex });
      await sender.send({ opcode: 'SEND', sges: [left.mr.slice(0, 16)] });
      const batch = new CompletionBatch();
      assert.deepEqual(
        (await polled(right.cq, batch, 1)).map(({ wrId, byteLength }) => [wrId, byteLength]),
        [[1, 16]],
      );
      await soon(200);
      assert.equal(right.cq.poll(batch), 0);
    }));

  it('that is a READ, or too long, cannot be inline', () =>
    withPair({ cap: { maxSendSge: 32, maxInlineData: 64 } }, async ({ pd, left, right, remote }) => {
      const sges = [left.mr.slice(0, 8)];
      assert.throws(
        () => left.qp.postSend({ opcode: 'READ', inline: true, sges, remote: remote(right) }),
        /only SEND and WRITE can be inline/,
      );
      assert.throws(
        () => left.qp.postSend({ opcode: 'SEND', inline: true, sges: [left.mr.slice(0, 4096)] }),
        /4096 bytes, inline at most/,
      );
      const big = pd.alloc(128 * 1024 * 1024);
      const wrapping = Array.from({ length: 32 }, () => big.slice());
      assert.throws(
        () => left.qp.postSend({ opcode: 'SEND', inline: true, sges: wrapping }),
        /4294967296 bytes, inline at most/,
      );
      assert.throws(
        () => left.qp.postSend({ opcode: 'SEND', sges: wrapping }),
        /4294967296 bytes, at most 2147483648/,
      );
    }));

  it('that is refused leaves the prepared one as it was', () =>
    withPair({}, async ({ left, right }) => {
      fill(left.mr.bytes);
      const batch = left.qp.prepareSends();
      batch.add({ wrId: 1, opcode: 'SEND', sges: [left.mr.slice(0, 32)] });
      assert.throws(
        () =>
          batch.set(0, {
            wrId: 9,
            opcode: 'WRITE',
            sges: [{ mr: left.mr, offset: -1 }],
            remote: { address: 0n, rkey: 0 },
          }),
        RangeError,
      );
      const got = right.qp.recv({ sges: [right.mr.slice(0, 64)] });
      batch.post();
      assert.equal((await got).byteLength, 32);
      assert.deepEqual(
        (await polled(left.cq, new CompletionBatch(), 1)).map(({ wrId }) => wrId),
        [1],
      );
    }));

  it("has no number that is a promise's", () =>
    withPair({}, async ({ left }) => {
      assert.throws(() => left.qp.postRecv({ wrId: -1 }), /a wrId is an integer from 0/);
    }));

  it('cannot name an MR of another context, whatever the numbers', async () => {
    const [one, two] = [open(), open()];
    const parts = [one, two].map((context) => {
      const pd = context.allocPd();
      const qp = pd.createQp({ sendCq: context.createCq() });
      qp.init();
      return { qp, mr: pd.alloc(4096) };
    });
    assert.throws(
      () => parts[0].qp.postRecv({ sges: [parts[1].mr.slice(0, 64)] }),
      /in no MR of this context/,
    );
    assert.throws(
      () => parts[1].qp.postRecv({ sges: [parts[0].mr.slice(0, 64)] }),
      /in no MR of this context/,
    );
    await one.close();
    await two.close();
  });
});

describe('a QP', () => {
  it('that is reset tells who waits, and takes nothing of its past for new', () =>
    withPair({}, async ({ left, right, gidIndex }) => {
      const waiting = left.qp.recv({ sges: [left.mr.slice(0, 64)] });
      for (let wrId = 1; wrId <= 4; wrId++) left.qp.postRecv({ wrId, sges: [left.mr.slice(0, 64)] });
      left.qp.modify({ state: 'ERR' });
      await assert.rejects(waiting, { status: 'WR_FLUSH_ERR' });
      await soon(100);
      left.qp.modify({ state: 'RESET' });
      const pending = assert.rejects(right.qp.recv({ sges: [right.mr.slice(0, 64)] }), {
        status: 'WR_FLUSH_ERR',
      });
      right.qp.modify({ state: 'RESET' });
      await pending;
      const [l, r] = [left.qp.endpoint(gidIndex), right.qp.endpoint(gidIndex)];
      left.qp.connect(r, { gidIndex });
      right.qp.connect(l, { gidIndex });
      for (let wrId = 11; wrId <= 14; wrId++) left.qp.postRecv({ wrId, sges: [left.mr.slice(0, 64)] });
      const batch = new CompletionBatch();
      const old = await polled(left.cq, batch, 4);
      assert.deepEqual(
        old.map(({ wrId, status }) => [wrId, status]),
        [1, 2, 3, 4].map((wrId) => [wrId, 'WR_FLUSH_ERR']),
      );
      await assert.rejects(left.mr.close(), { code: 'EBUSY' });
      await right.qp.send({ opcode: 'SEND', sges: [right.mr.slice(0, 5)] });
      assert.deepEqual(
        (await polled(left.cq, batch, 1)).map(({ wrId, byteLength }) => [wrId, byteLength]),
        [[11, 5]],
      );
    }));

  it('in ERR ends a receive that comes too late', () =>
    withPair({}, async ({ left, right, remote }) => {
      const { address } = remote(right);
      const bad = left.qp.send({
        opcode: 'WRITE',
        sges: [left.mr.slice(0, 8)],
        remote: { address, rkey: 1 },
      });
      await assert.rejects(bad, { status: 'REM_ACCESS_ERR' });
      await assert.rejects(left.qp.recv({ sges: [left.mr.slice(0, 8)] }), { status: 'WR_FLUSH_ERR' });
    }));

  it('in ERR ends several of them', () =>
    withPair({}, async ({ left }) => {
      left.qp.modify({ state: 'ERR' });
      const late = [1, 2, 3].map(() => left.qp.recv({ sges: [left.mr.slice(0, 8)] }));
      for (const { reason } of await Promise.allSettled(late)) assert.equal(reason.status, 'WR_FLUSH_ERR');
    }));

  it('with unsignalled requests is closed without delay', () =>
    withPair({}, async ({ left, right }) => {
      for (let i = 0; i < 100; i++) right.qp.postRecv({});
      for (let i = 0; i < 100; i++) left.qp.postSend({ opcode: 'SEND', signaled: false });
      const start = performance.now();
      await left.qp.close();
      assert.ok(performance.now() - start < 1500);
    }));
});

describe('waiting', () => {
  it('goes on after completions were taken by an iterator', () =>
    withPair({}, async ({ left, right }) => {
      const first = right.qp.recv({ sges: [right.mr.slice(0, 8)] });
      right.qp.postRecv({ wrId: 5 });
      left.qp.postSend({ opcode: 'SEND' }, { opcode: 'SEND' });
      const until = performance.now() + 200;
      while (performance.now() < until);
      for await (const batch of right.cq.events()) if (batch.some(({ wrId }) => wrId === 5)) break;
      await first;
      const next = right.qp.recv({ sges: [right.mr.slice(0, 8)] });
      await left.qp.send({ opcode: 'SEND' });
      assert.notEqual(await within(next, 5000), undecided);
    }));

  it('keeps the process no longer than there is something to wait for', () => {
    const file = `/tmp/roam-wait-${process.pid}.mjs`;
    const program = `
      import { pair } from ${JSON.stringify(new URL('./pair.mjs', import.meta.url).href)};
      const { left, right } = await pair();
      const got = right.qp.recv({});
      await Promise.all([left.qp.send({ opcode: 'SEND' }), got]);
      const abort = new AbortController();
      const never = right.qp.recv({}, { signal: abort.signal }).catch(() => console.log('aborted'));
      abort.abort();
      await never;`;
    spawnSync('sh', ['-c', 'cat > "$1"', 'sh', file], { input: program });
    const { status, stdout, stderr } = spawnSync(process.execPath, [file], {
      encoding: 'utf8',
      timeout: 60_000,
    });
    assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: 'aborted\n', stderr: '' });
  });
});

describe('memory', () => {
  it('goes back to the system when its MR is closed', () =>
    withPair({}, async ({ pd }) => {
      const before = process.memoryUsage.rss();
      for (let i = 0; i < 12; i++) {
        const mr = pd.alloc(16 * 1024 * 1024);
        mr.bytes.fill(1);
        await mr.close();
      }
      assert.ok(process.memoryUsage.rss() - before < 64 * 1024 * 1024);
    }));

  it('that another thread is still reading may be closed', () =>
    withPair({}, async ({ pd }) => {
      const mr = pd.alloc(4 * 1024 * 1024);
      const done = new Promise((resolve) => deflate(mr.bytes, resolve));
      await mr.close();
      gc();
      await done;
    }));
});

describe('listen()', () => {
  it('survives peers that talk nonsense', async () => {
    const context = open();
    const pd = context.allocPd();
    const gidIndex = context.bestGid().index;
    const warned = [];
    const onError = (error) => warned.push(error);
    const listener = await listen(
      async (socket) => {
        const qp = pd.createQp({ sendCq: context.createCq() });
        await qp.handshake(socket, { gidIndex });
      },
      { port: 0, host: '127.0.0.1' },
      onError,
    );
    for (const text of [
      'GET / HTTP/1.1\r\n\r\n',
      '{"roamHandshake":1,"endpoint":{"qpn":1,"psn":1,"gid":"x","lid":0,"mtu":1024}}\n',
      '',
    ]) {
      const socket = tcpConnect(listener.port, '127.0.0.1');
      await once(socket, 'connect');
      socket.end(text);
      socket.resume();
      await once(socket, 'close');
    }
    for (let i = 0; i < 100 && warned.length < 3; i++) await soon(20);
    assert.deepEqual(
      warned.map(({ code }) => code),
      ['HANDSHAKE', 'HANDSHAKE', 'HANDSHAKE'],
    );
    await listener.close();
    await context.close();
  });
});

describe('a process that is killed', () => {
  it('with a bound window leaves nothing behind, and nobody waits', { timeout: 60_000 }, () => {
    const program = `
      import { withPair } from '${new URL('pair.mjs', import.meta.url)}';
      await withPair({}, async ({ pd, right }) => {
        const mr = pd.alloc(4096, { access: ['LOCAL_WRITE', 'REMOTE_WRITE', 'MW_BIND'] });
        const mw = pd.allocMw(2);
        const rkey = (mw.rkey ^ 1) >>> 0;
        await right.qp.send({ opcode: 'BIND_MW', mw, rkey, access: ['REMOTE_WRITE'], sges: [mr.slice()] });
        process.kill(process.pid, 'SIGKILL');
      });`;
    const start = performance.now();
    const { signal, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      encoding: 'utf8',
    });
    assert.equal(signal, 'SIGKILL', stderr);
    assert.ok(performance.now() - start < 40_000, 'the kernel waited for a reference');
  });
});
