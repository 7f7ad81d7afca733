// Every operation of RC between two QPs of one node, as promises.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { devices, open } from 'roam-rdma/verbs';
import { fill, withPair } from './pair.mjs';

describe('devices', () => {
  it('are listed with ports and GIDs', () => {
    const [device] = devices();
    assert.equal(device.name, 'rxe0');
    assert.equal(device.ports[0].state, 'ACTIVE');
    assert.ok(
      device.gids.some(
        ({ gid, type, netdev }) => gid === '::ffff:10.77.0.1' && type === 'RoCE v2' && netdev === 'eth0',
      ),
    );
  });

  it('are queried', async () => {
    const context = open('rxe0');
    const attributes = context.query();
    assert.ok(attributes.maxQp > 0 && attributes.maxSge > 0 && attributes.maxMrSize > 0n);
    assert.equal(attributes.ports, 1);
    assert.equal(context.port(1).linkLayer, 'Ethernet');
    assert.throws(() => context.port(2), { name: 'VerbsError', code: 'EINVAL' });
    assert.equal(context.bestGid({ address: '10.77.0.1' }).gid, '::ffff:10.77.0.1');
    assert.equal(context.bestGid({ peer: '10.9.9.9' }).gid, '::ffff:10.77.0.1');
    assert.throws(() => context.bestGid({ address: '10.1.2.3' }), { code: 'NO_GID' });
    await context.close();
    assert.throws(() => context.query(), { code: 'CLOSED' });
  });

  it('that do not exist are a clear error', () => {
    assert.throws(() => open('mlx5_9'), {
      code: 'NO_RDMA_DEVICE',
      message: 'there is no RDMA device mlx5_9 here',
    });
  });
});

describe('promises', () => {
  it('SEND, and SEND with immediate, arrive whole', () =>
    withPair({}, async ({ left, right }) => {
      fill(left.mr.bytes);
      const first = right.qp.recv({ sges: [right.mr.slice(0, 8192)] });
      const second = right.qp.recv({ sges: [right.mr.slice(8192, 100)] });
      const sent = await left.qp.send({ opcode: 'SEND', sges: [left.mr.slice(0, 5000)] });
      assert.equal(sent.opcode, 'SEND');
      assert.equal((await first).byteLength, 5000);
      assert.deepEqual(right.mr.bytes.slice(0, 5000), left.mr.bytes.slice(0, 5000));
      await left.qp.send({ opcode: 'SEND_WITH_IMM', immediate: 0xdeadbeef, sges: [left.mr.slice(7, 13)] });
      const { immediate, byteLength, receive, opcode } = await second;
      assert.deepEqual(
        { immediate, byteLength, receive, opcode },
        { immediate: 0xdeadbeef, byteLength: 13, receive: true, opcode: 'RECV' },
      );
      assert.deepEqual(right.mr.bytes.slice(8192, 8205), left.mr.bytes.slice(7, 20));
    }));

  it('a message without data needs no buffer', () =>
    withPair({}, async ({ left, right }) => {
      const got = right.qp.recv({});
      await left.qp.send({ opcode: 'SEND_WITH_IMM', immediate: 7 });
      assert.equal((await got).immediate, 7);
    }));

  it('WRITE, WRITE with immediate and READ move memory', () =>
    withPair({}, async ({ left, right, remote }) => {
      fill(left.mr.bytes, 9);
      await left.qp.send({ opcode: 'WRITE', sges: [left.mr.slice(0, 10_000)], remote: remote(right, 100) });
      assert.deepEqual(right.mr.bytes.slice(100, 10_100), left.mr.bytes.slice(0, 10_000));
      const told = right.qp.recv({});
      await left.qp.send({
        opcode: 'WRITE_WITH_IMM',
        immediate: 3,
        sges: [left.mr.slice(0, 4)],
        remote: remote(right),
      });
      assert.equal((await told).opcode, 'RECV_WRITE_WITH_IMM');
      right.mr.bytes.fill(0x5a, 20_000, 30_000);
      await left.qp.send({
        opcode: 'READ',
        sges: [left.mr.slice(40_000, 10_000)],
        remote: remote(right, 20_000),
      });
      assert.ok(left.mr.bytes.subarray(40_000, 50_000).every((byte) => byte === 0x5a));
    }));

  it('atomics give what was there', () =>
    withPair({}, async ({ left, right, remote }) => {
      right.mr.view.setBigUint64(64, 40n, true);
      const sges = [left.mr.slice(0, 8)];
      await left.qp.send({ opcode: 'FETCH_ADD', add: 2n, sges, remote: remote(right, 64) });
      assert.equal(left.mr.view.getBigUint64(0, true), 40n);
      await left.qp.send({
        opcode: 'COMPARE_SWAP',
        compare: 42n,
        swap: 1n << 63n,
        sges,
        remote: remote(right, 64),
      });
      assert.equal(left.mr.view.getBigUint64(0, true), 42n);
      await left.qp.send({ opcode: 'COMPARE_SWAP', compare: 42n, swap: 5n, sges, remote: remote(right, 64) });
      assert.equal(left.mr.view.getBigUint64(0, true), 1n << 63n);
      assert.equal(right.mr.view.getBigUint64(64, true), 1n << 63n);
    }));

  it('several SGEs are gathered and scattered, inline data are copied', () =>
    withPair({ cap: { maxSendSge: 4, maxRecvSge: 4, maxInlineData: 64 } }, async ({ left, right }) => {
      fill(left.mr.bytes);
      const got = right.qp.recv({ sges: [right.mr.slice(0, 10), right.mr.slice(100, 1000)] });
      await left.qp.send({
        opcode: 'SEND',
        sges: [left.mr.slice(0, 5), left.mr.slice(50, 20), left.mr.slice(500, 1)],
      });
      assert.equal((await got).byteLength, 26);
      const expected = [...left.mr.bytes.slice(0, 5), ...left.mr.bytes.slice(50, 70), left.mr.bytes[500]];
      assert.deepEqual([...right.mr.bytes.slice(0, 10), ...right.mr.bytes.slice(100, 116)], expected);
      const next = right.qp.recv({ sges: [right.mr.slice(200, 64)] });
      const sent = left.qp.send({ opcode: 'SEND', inline: true, sges: [left.mr.slice(0, 60)] });
      const before = left.mr.bytes.slice(0, 60);
      left.mr.bytes.fill(0, 0, 60);
      await Promise.all([sent, next]);
      assert.deepEqual(right.mr.bytes.slice(200, 260), before);
    }));

  it('a refused access is an error that says so', () =>
    withPair({}, async ({ left, right, remote }) => {
      const { address } = remote(right);
      const bad = left.qp.send({
        opcode: 'WRITE',
        sges: [left.mr.slice(0, 8)],
        remote: { address, rkey: 12345 },
      });
      await assert.rejects(bad, (error) => {
        assert.equal(error.name, 'WorkCompletionError');
        assert.equal(error.status, 'REM_ACCESS_ERR');
        assert.equal(error.qpn, left.qp.qpn);
        assert.match(error.message, /the peer refused the access/);
        return true;
      });
      assert.equal(left.qp.state, 'ERR');
    }));

  it('a receiver without receives is an error after the retries', () =>
    withPair({ connect: { rnrRetry: 1, minRnrTimer: 1 } }, async ({ left }) => {
      const sent = left.qp.send({ opcode: 'SEND', sges: [left.mr.slice(0, 8)] });
      await assert.rejects(sent, { status: 'RNR_RETRY_EXC_ERR' });
    }));
});
