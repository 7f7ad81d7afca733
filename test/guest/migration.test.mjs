// What a program sees of its migration: states, changes, and being told. Without a move: test/guest/service.mjs.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { processContexts } from 'roam-rdma';
import { open } from 'roam-rdma/verbs';
import { withPair } from './pair.mjs';

const duplicates = () =>
  Number(readFileSync('/sys/class/infiniband/rxe0/ports/1/hw_counters/duplicate_request', 'utf8'));

describe('migration', () => {
  it('a QP can be stopped, its peer pauses, and both go on', () =>
    withPair({}, async ({ context, left, right }) => {
      assert.equal(left.qp.migrationState, 'running');
      const got = right.qp.recv({ sges: [right.mr.slice(0, 64)] });
      right.qp.stop();
      assert.equal(right.qp.migrationState, 'stopped');
      const sent = left.qp.send({ opcode: 'SEND', sges: [left.mr.slice(0, 64)] });
      for (let i = 0; i < 100 && left.qp.migrationState !== 'paused'; i++)
        await new Promise((r) => setTimeout(r, 20));
      assert.equal(left.qp.migrationState, 'paused');
      right.qp.resume();
      await Promise.all([sent, got]);
      assert.equal(left.qp.migrationState, 'running');
      context.stopAll();
      assert.equal(left.qp.migrationState, 'stopped');
      assert.equal(right.qp.migrationState, 'stopped');
      context.resumeAll();
    }));

  it('a stop has READs answered first, of a peer that may be on the stock module', async () => {
    for (let round = 0; round < 8; round++)
      await withPair({ cap: { maxSendWr: 32 } }, async ({ left, right, remote }) => {
        const before = duplicates();
        const reads = Array.from({ length: 16 }, () =>
          left.qp.send({ opcode: 'READ', sges: [left.mr.slice(0, 32768)], remote: remote(right) }),
        );
        left.qp.stop();
        left.qp.resume();
        await Promise.all(reads);
        assert.equal(duplicates(), before, `READs that were sent again in round ${round}`);
      });
  });

  it('changes of state are told as they happen', () =>
    withPair({}, async ({ left, right }) => {
      const seen = [];
      const done = new AbortController();
      const watching = (async () => {
        for await (const state of left.qp.migrationStates({ signal: done.signal })) {
          seen.push(state);
          if (state === 'paused') right.qp.resume();
          if (state === 'running' && seen.length > 1) break;
        }
      })();
      const own = right.qp.migrationStates();
      assert.equal((await own.next()).value, 'running');
      right.qp.stop();
      assert.equal((await own.next()).value, 'stopped');
      const got = right.qp.recv({ sges: [right.mr.slice(0, 64)] });
      await left.qp.send({ opcode: 'SEND', sges: [left.mr.slice(0, 64)] });
      await Promise.all([got, watching]);
      assert.deepEqual(seen, ['running', 'paused', 'running']);
      const waiting = own.next().then(async ({ value }) => (value === 'resuming' ? own.next() : { value }));
      assert.equal((await waiting).value, 'running');
      const last = own.next();
      await right.qp.close();
      await assert.rejects(last, { code: 'CLOSED' });
      const aborted = left.qp.migrationStates({ signal: done.signal });
      await aborted.next();
      done.abort(new Error('enough'));
      await assert.rejects(aborted.next(), /enough/);
    }));

  it('changes are told to a context whose peer is in another one', async () => {
    const ends = [open(), open()].map((context) => {
      const pd = context.allocPd();
      const qp = pd.createQp({ sendCq: context.createCq() });
      return { context, qp, index: context.bestGid({ peer: '10.77.0.1' }).index };
    });
    const [left, right] = ends;
    const [l, r] = ends.map(({ qp, index }) => qp.endpoint(index));
    left.qp.connect(r, { gidIndex: left.index });
    right.qp.connect(l, { gidIndex: right.index });
    const seen = [];
    right.qp.stop();
    for await (const state of right.qp.migrationStates()) {
      seen.push(state);
      if (state === 'stopped') right.qp.resume();
      if (state === 'running') break;
    }
    assert.deepEqual(
      seen.filter((state) => state !== 'resuming'),
      ['stopped', 'running'],
    );
    for (const { context } of ends) await context.close();
  });

  it('who closes its context before a move is ready', async () => {
    const context = open();
    const [own] = processContexts(process.pid);
    const alive = setInterval(() => {}, 1000);
    const closed = new Promise((resolve) => context.onBeforeDump(() => resolve(context.close())));
    assert.equal(own.announce('move'), true);
    await closed;
    assert.equal(own.announce('nothing'), false);
    own.close();
    clearInterval(alive);
  });

  it('a program is told before it is moved, and afterwards', async () => {
    const context = open();
    const [own] = processContexts(process.pid);
    // Who is told does not stay alive for that.
    const alive = setInterval(() => {}, 1000);
    try {
      assert.equal(own.announce('move'), false, 'nobody wants to know');
      const events = [];
      let ready;
      const until = new Promise((resolve) => {
        ready = resolve;
      });
      const end = context.onBeforeDump(() => {
        events.push('before');
        return until;
      });
      context.onBeforeDump(() => {
        throw new Error('a fault of the program');
      });
      const after = new Promise((resolve) => context.onAfterRestore(resolve));
      const warned = new Promise((resolve) => process.once('warning', resolve));
      assert.equal(own.announce('move'), true);
      assert.equal(own.announce('move'), true, 'told once');
      const immediate = () => new Promise((resolve) => setImmediate(resolve));
      while (events.length === 0) await immediate();
      assert.equal(own.announce('nothing'), true, 'not ready yet');
      ready();
      while (own.announce('nothing')) await immediate();
      assert.match((await warned).message, /a fault of the program/);
      own.announce('stay');
      assert.deepEqual(await after, { moved: false });
      end();
      assert.deepEqual(events, ['before']);
    } finally {
      clearInterval(alive);
      own.close();
      await context.close();
    }
  });
});
