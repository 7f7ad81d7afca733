// Requests in batches, and their completions as they are polled for or come as events.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CompletionBatch } from 'roam-rdma/verbs';
import { fill, polled, withPair } from './pair.mjs';

describe('batches', () => {
  it('are posted and polled without promises', () =>
    withPair({ cq: { channel: null } }, async ({ left, right }) => {
      const receives = right.qp.prepareReceives();
      const sends = left.qp.prepareSends();
      for (let i = 0; i < 100; i++) {
        receives.add({ wrId: 1000 + i, sges: [right.mr.slice(i * 64, 64)] });
        sends.add({ wrId: i, opcode: 'SEND', sges: [left.mr.slice(i * 64, 64)], signaled: i % 10 === 9 });
      }
      const batch = new CompletionBatch(32);
      for (let round = 0; round < 3; round++) {
        fill(left.mr.bytes, round);
        receives.post();
        sends.post(0, 50);
        sends.post(50);
        const received = await polled(right.cq, batch, 100);
        assert.deepEqual(
          received.map(({ wrId }) => wrId),
          Array.from({ length: 100 }, (_, i) => 1000 + i),
        );
        assert.ok(received.every(({ status, byteLength }) => status === 'SUCCESS' && byteLength === 64));
        const sent = await polled(left.cq, batch, 10);
        assert.deepEqual(
          sent.map(({ wrId }) => wrId),
          [9, 19, 29, 39, 49, 59, 69, 79, 89, 99],
        );
        assert.deepEqual(right.mr.bytes.slice(0, 6400), left.mr.bytes.slice(0, 6400));
      }
    }));

  it('that do not fit say how many were posted', () =>
    withPair({ cap: { maxRecvWr: 16 } }, async ({ right }) => {
      const { maxRecvWr } = right.qp.cap;
      const receives = right.qp.prepareReceives();
      for (let i = 0; i < maxRecvWr + 5; i++) receives.add({ sges: [right.mr.slice(0, 8)] });
      assert.throws(
        () => receives.post(),
        (error) => error.code === 'ENOMEM' && error.posted === maxRecvWr,
      );
      assert.throws(() => receives.post(0, 1000), RangeError);
    }));

  it('beyond an MR are refused before they are posted', () =>
    withPair({}, async ({ left, right, remote }) => {
      const beyond = [{ mr: left.mr, offset: left.mr.length - 4, length: 8 }];
      assert.throws(
        () => left.qp.postSend({ opcode: 'WRITE', sges: beyond, remote: remote(right) }),
        RangeError,
      );
      assert.throws(() => left.qp.postSend({ opcode: 'NONSENSE' }), /opcode: NONSENSE is none of/);
      assert.throws(
        () => left.qp.postSend({ opcode: 'SEND', sges: [left.mr.slice(0, 1), left.mr.slice(0, 1)] }),
        RangeError,
      );
      assert.throws(() => left.qp.postSend({ opcode: 'SEND', wrId: 0.5 }), /a wrId is an integer/);
    }));
});

describe('poll() with patience', () => {
  it('finds what comes meanwhile', () =>
    withPair({}, async ({ left, right, remote }) => {
      const batch = new CompletionBatch();
      for (let wrId = 1; wrId <= 5; wrId++) {
        const sges = [left.mr.slice(0, 64)];
        left.qp.postSend({ wrId, opcode: 'WRITE', sges, remote: remote(right) });
        assert.equal(left.cq.poll(batch, 1_000_000), 1);
        assert.equal(batch.wrId(0), wrId);
      }
    }));

  it('waits for as many as are worth it, and takes fewer when its time is over', () =>
    withPair({}, async ({ left, right, remote }) => {
      const batch = new CompletionBatch(4);
      const post = (count) => {
        for (let wrId = 1; wrId <= count; wrId++) {
          const sges = [left.mr.slice(0, 64)];
          left.qp.postSend({ wrId, opcode: 'WRITE', sges, remote: remote(right) });
        }
      };
      post(3);
      assert.equal(left.cq.poll(batch, 1_000_000, 3), 3);
      assert.deepEqual(
        [0, 1, 2].map((index) => batch.wrId(index)),
        [1, 2, 3],
      );
      post(6);
      assert.equal(left.cq.poll(batch, 1_000_000, 100), 4);
      assert.equal(left.cq.poll(batch, 300_000, 3), 2);
      for (const bad of [0, -1, 0.5]) assert.throws(() => left.cq.poll(batch, 0, bad), RangeError);
    }));

  it('ends when there is nothing', () =>
    withPair({}, async ({ left }) => {
      const batch = new CompletionBatch();
      const start = performance.now();
      assert.equal(left.cq.poll(batch, 30_000), 0);
      assert.ok(performance.now() - start >= 30);
      assert.throws(() => left.cq.poll(batch, -1), RangeError);
      assert.throws(() => left.cq.poll(batch, 1_000_001), RangeError);
    }));
});

describe('events()', () => {
  it('gives completions in batches, and loses none to a break', () =>
    withPair({}, async ({ left, right }) => {
      const receive = (wrId) => ({ wrId, sges: [right.mr.slice(0, 64)] });
      right.qp.postRecv(...[1, 2, 3, 4].map(receive));
      const send = (count) => {
        for (let i = 0; i < count; i++)
          left.qp.postSend({ opcode: 'SEND', sges: [left.mr.slice(0, 64)], signaled: false });
      };
      const seen = [];
      send(2);
      for await (const batch of right.cq.events()) {
        assert.ok(batch.length > 0);
        seen.push(...batch.map(({ wrId }) => wrId));
        if (seen.length === 2) break;
      }
      setTimeout(() => send(2), 50);
      for await (const batch of right.cq.events()) {
        seen.push(...batch.map(({ wrId }) => wrId));
        if (seen.length === 4) break;
      }
      assert.deepEqual(seen, [1, 2, 3, 4]);
    }));

  it('ends with the reason of its signal, and with the CQ', () =>
    withPair({}, async ({ left, right }) => {
      const abort = new AbortController();
      setTimeout(() => abort.abort(new Error('enough')), 50);
      await assert.rejects(right.cq.events({ signal: abort.signal }).next(), /enough/);
      await assert.rejects(right.cq.events({ signal: abort.signal }).next(), /enough/);
      const next = left.cq.events().next();
      setTimeout(() => left.cq.close(), 50);
      await assert.rejects(next, { code: 'CLOSED' });
    }));

  it('needs a channel', () =>
    withPair({ cq: { channel: null } }, async ({ left }) => {
      await assert.rejects(left.cq.events().next(), { code: 'NO_CHANNEL' });
    }));
});
