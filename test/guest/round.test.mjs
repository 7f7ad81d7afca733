// Posting and polling by one call, which was prepared.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CompletionBatch, open } from 'roam-rdma/verbs';
import { fill, withPair } from './pair.mjs';

describe('a round', () => {
  const write = (left, target, wrId) => ({
    wrId,
    opcode: 'WRITE',
    sges: [left.mr.slice(0, 64)],
    remote: target,
  });

  it('posts requests and gives their completions, again and again', () =>
    withPair({}, async ({ left, right, remote }) => {
      const sends = left.qp.prepareSends();
      for (const wrId of [0, 1, 2]) sends.add(write(left, remote(right), wrId));
      const batch = new CompletionBatch();
      const all = sends.prepareRound(left.cq, batch, { patience: 1_000_000, least: 3 });
      const last = sends.prepareRound(left.cq, batch, { patience: 1_000_000, first: 2 });
      // A round has the requests as they were.
      sends.clear();
      for (let turn = 0; turn < 20; turn++) {
        fill(left.mr.bytes, turn);
        assert.equal(all.run(), 3);
        assert.deepEqual(
          [0, 1, 2].map((index) => batch.wrId(index)),
          [0, 1, 2],
        );
        assert.deepEqual(right.mr.bytes.subarray(0, 64), left.mr.bytes.subarray(0, 64));
        assert.equal(last.run(), 1);
        assert.equal(batch.wrId(0), 2);
      }
    }));

  it('replaces a receive, and waits for a message', () =>
    withPair({}, async ({ left, right }) => {
      const receives = right.qp.prepareReceives();
      for (const wrId of [7, 8]) receives.add({ wrId, sges: [right.mr.slice(0, 64)] });
      receives.post(1, 1);
      const batch = new CompletionBatch();
      const next = receives.prepareRound(right.cq, batch, { count: 1, patience: 1_000_000 });
      for (const expected of [8, 7, 7, 7]) {
        left.qp.postSend({ opcode: 'SEND', sges: [left.mr.slice(0, 64)] });
        assert.equal(next.run(), 1);
        assert.equal(batch.wrId(0), expected);
      }
    }));

  it('settles promises, and gives what was kept first', () =>
    withPair({}, async ({ left, right, remote }) => {
      const sends = left.qp.prepareSends();
      sends.add(write(left, remote(right), 1));
      const batch = new CompletionBatch();
      const one = sends.prepareRound(left.cq, batch, { patience: 1_000_000 });
      left.qp.postSend(write(left, remote(right), 2));
      // The promise's completion is looked for, and the other one kept.
      await left.qp.send(write(left, remote(right)));
      assert.equal(one.run(), 1);
      assert.equal(batch.wrId(0), 2);
      assert.equal(left.cq.poll(batch, 1_000_000), 1);
      assert.equal(batch.wrId(0), 1);
      const promise = left.qp.send(write(left, remote(right)));
      const both = sends.prepareRound(left.cq, batch, { patience: 1_000_000, least: 2 });
      assert.equal(both.run(), 1);
      assert.equal((await promise).status, 'SUCCESS');
    }));

  it('is refused when what it needs is wrong, and fails when that is closed', () =>
    withPair({}, async ({ context, left, right, remote }) => {
      const sends = left.qp.prepareSends();
      sends.add(write(left, remote(right), 1));
      const batch = new CompletionBatch();
      for (const options of [{ patience: -1 }, { least: 0 }, { count: 2 }, { first: 2 }])
        assert.throws(() => sends.prepareRound(left.cq, batch, options), RangeError);
      const other = open('rxe0');
      try {
        assert.throws(() => sends.prepareRound(other.createCq(), batch), /another context/);
      } finally {
        await other.close();
      }
      const queue = context.createCq();
      const round = sends.prepareRound(queue, batch);
      await queue.close();
      assert.throws(() => round.run(), { code: 'CLOSED' });
      assert.throws(() => sends.prepareRound(queue, batch), { code: 'CLOSED' });
      // Nothing was posted.
      assert.equal(left.cq.poll(batch, 100_000), 0);
      const late = sends.prepareRound(left.cq, batch);
      await left.mr.close();
      assert.throws(() => late.run(), /no MR of this context that is open/);
      await left.qp.close();
      assert.throws(() => late.run(), { code: 'CLOSED' });
      assert.throws(() => sends.prepareRound(left.cq, batch), { code: 'CLOSED' });
    }));

  it('outlasts the memory of its completions', () =>
    withPair({}, async ({ left, right, remote }) => {
      const sends = left.qp.prepareSends();
      sends.add(write(left, remote(right), 1));
      const batch = new CompletionBatch();
      const round = sends.prepareRound(left.cq, batch, { patience: 1000 });
      structuredClone(batch.records.buffer, { transfer: [batch.records.buffer] });
      for (let turn = 0; turn < 3; turn++) assert.equal(round.run(), 0);
    }));

  it('tells how much was posted when it could not be all', () =>
    withPair({ cap: { maxRecvWr: 16 } }, async ({ right }) => {
      const { maxRecvWr } = right.qp.cap;
      const receives = right.qp.prepareReceives();
      for (let i = 0; i < maxRecvWr + 5; i++) receives.add({ sges: [right.mr.slice(0, 8)] });
      const round = receives.prepareRound(right.cq, new CompletionBatch());
      assert.throws(
        () => round.run(),
        (error) =>
          error.code === 'ENOMEM' && error.posted === maxRecvWr && /a round of receives/.test(error.message),
      );
    }));
});
