// Objects beyond RC: UC, UD, SRQ, XRC, MW, MRs in all forms, CQ resize, asynchronous events.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { allocate, open } from 'roam-rdma/verbs';
import { fill, withPair } from './pair.mjs';

const QKEY = 0x11111111;

describe('QPs', () => {
  it('UC carries messages and writes', () =>
    withPair({ type: 'UC' }, async ({ left, right, remote }) => {
      fill(left.mr.bytes);
      const got = right.qp.recv({ sges: [right.mr.slice(0, 4000)] });
      await left.qp.send({ opcode: 'SEND', sges: [left.mr.slice(0, 3000)] });
      assert.equal((await got).byteLength, 3000);
      const told = right.qp.recv({});
      await left.qp.send({
        opcode: 'WRITE_WITH_IMM',
        immediate: 1,
        sges: [left.mr.slice(0, 64)],
        remote: remote(right, 8192),
      });
      await told;
      assert.deepEqual(right.mr.bytes.slice(8192, 8256), left.mr.bytes.slice(0, 64));
    }));

  it('UD reaches whom the AH names, with a routing header before the data', () =>
    withPair({ type: 'UD' }, async ({ pd, left, right, context, gidIndex }) => {
      for (const { qp } of [left, right]) {
        qp.modify({ state: 'INIT', pkeyIndex: 0, port: 1, qkey: QKEY });
        qp.modify({ state: 'RTR' });
        qp.modify({ state: 'RTS', sqPsn: 0 });
      }
      const ah = pd.createAh({ dgid: context.bestGid({ address: '10.77.0.1' }).gid, sgidIndex: gidIndex });
      fill(left.mr.bytes);
      const got = right.qp.recv({ sges: [right.mr.slice(0, 1000)] });
      const ud = { ah, qpn: right.qp.qpn, qkey: QKEY };
      await left.qp.send({ opcode: 'SEND', sges: [left.mr.slice(0, 100)], ud });
      const { byteLength, hasGrh, sourceQpn } = await got;
      assert.deepEqual(
        { byteLength, hasGrh, sourceQpn },
        { byteLength: 140, hasGrh: true, sourceQpn: left.qp.qpn },
      );
      assert.deepEqual(right.mr.bytes.slice(40, 140), left.mr.bytes.slice(0, 100));
      await ah.close();
      assert.throws(() => left.qp.postSend({ opcode: 'SEND', ud }), { code: 'CLOSED' });
    }));

  it('of UD join multicast groups, and leave them when they are closed', () =>
    withPair({ type: 'UD' }, async ({ left, right }) => {
      const group = 'ff0e::ffff:239.1.2.3';
      for (const { qp } of [left, right]) qp.modify({ state: 'INIT', pkeyIndex: 0, port: 1, qkey: QKEY });
      left.qp.attachMulticast(group);
      left.qp.attachMulticast(group);
      left.qp.detachMulticast(group);
      assert.throws(() => left.qp.detachMulticast(group), { name: 'VerbsError' });
      right.qp.attachMulticast(group);
      await left.qp.close();
      await right.qp.close();
    }));

  it('tell which attributes a change of state lacks or does not take', () =>
    withPair({ type: 'UD' }, async ({ pd, left }) => {
      const qp = pd.createQp({ sendCq: left.cq });
      assert.throws(
        () => qp.modify({ state: 'INIT', port: 1 }),
        (error) => {
          assert.equal(error.name, 'QpTransitionError');
          assert.deepEqual(
            [error.current, error.next, error.needed, error.invalid],
            ['RESET', 'INIT', ['pkeyIndex', 'access'], []],
          );
          return true;
        },
      );
      assert.throws(() => qp.modify({ state: 'RTS' }), /there is no such transition/);
      qp.modify({ state: 'INIT', port: 1, pkeyIndex: 0, access: ['REMOTE_WRITE'] });
      assert.deepEqual(qp.query().access, ['REMOTE_WRITE']);
      assert.throws(() => qp.modify({ state: 'RTR', pathMtu: 999 }), /pathMtu must be/);
      qp.modify({ state: 'ERR' });
      assert.equal(qp.state, 'ERR');
      qp.modify({ state: 'RESET' });
      assert.equal(qp.state, 'RESET');
    }));

  it('share receives through an SRQ, which tells when few are left', () =>
    withPair({}, async ({ context, pd, gidIndex, left, right }) => {
      const srq = pd.createSrq({ maxWr: 16 });
      const make = (partner) => {
        const qp = pd.createQp({ sendCq: right.cq, srq });
        const other = pd.createQp({ sendCq: partner.cq });
        qp.connect(other.endpoint(gidIndex), { gidIndex });
        other.connect(qp.endpoint(gidIndex), { gidIndex });
        return other;
      };
      const senders = [make(left), make(left)];
      srq.postRecv(...[1, 2, 3, 4].map((wrId) => ({ wrId, sges: [right.mr.slice(wrId * 64, 64)] })));
      srq.modify({ limit: 3 });
      assert.equal(srq.query().limit, 3);
      for (const [index, qp] of [...senders, ...senders].entries()) {
        left.mr.bytes[0] = index + 1;
        await qp.send({ opcode: 'SEND', sges: [left.mr.slice(0, 1)] });
      }
      const seen = [];
      for await (const batch of right.cq.events()) {
        seen.push(...batch);
        if (seen.length === 4) break;
      }
      assert.deepEqual(
        seen.map(({ wrId }) => wrId),
        [1, 2, 3, 4],
      );
      assert.deepEqual(
        [1, 2, 3, 4].map((n) => right.mr.bytes[n * 64]),
        [1, 2, 3, 4],
      );
      for await (const { type, object } of context.events()) {
        if (type !== 'SRQ_LIMIT_REACHED') continue;
        assert.equal(object, srq);
        break;
      }
    }));

  it('of types that the device lacks are refused', () =>
    withPair({}, async ({ context, pd, left }) => {
      assert.throws(() => pd.createQp({ type: 'RAW_PACKET', sendCq: left.cq }), { syscall: 'ibv_create_qp' });
      assert.throws(
        () => context.openXrcd(),
        (error) => error.name === 'UnsupportedError',
      );
    }));
});

describe('MRs', () => {
  it('several over one memory, with rights of their own', () =>
    withPair({}, async ({ pd, left }) => {
      const memory = allocate(8192);
      const whole = pd.register(memory, { access: ['LOCAL_WRITE'] });
      const part = pd.register(memory, { offset: 4096, length: 100, access: ['LOCAL_WRITE', 'REMOTE_READ'] });
      whole.bytes[4096] = 17;
      assert.equal(part.bytes[0], 17);
      assert.notEqual(whole.lkey, part.lkey);
      assert.throws(() => pd.register(memory, { offset: 8192 }), RangeError);
      assert.throws(() => pd.register(memory, { offset: 8000, length: 193 }), RangeError);
      await left.qp.close();
      await whole.close();
      await part.close();
      assert.equal(memory.buffer.byteLength, 8192, 'memory outlives its MRs');
      memory.free();
      assert.throws(() => memory.buffer, { code: 'CLOSED' });
    }));

  it('with an address of its own for the peers', () =>
    withPair({}, async ({ pd, left, right }) => {
      const memory = allocate(8192);
      const mr = pd.register(memory, { iova: 0x7000_0000n });
      assert.equal(mr.address, 0x7000_0000n);
      fill(left.mr.bytes);
      await left.qp.send({
        opcode: 'WRITE',
        sges: [left.mr.slice(0, 100)],
        remote: { address: 0x7000_0010n, rkey: mr.rkey },
      });
      assert.deepEqual(mr.bytes.slice(16, 116), left.mr.bytes.slice(0, 100));
      const got = right.qp.recv({ sges: [{ mr, offset: 4000, length: 96 }] });
      await left.qp.send({ opcode: 'SEND', sges: [left.mr.slice(0, 96)] });
      await got;
      assert.deepEqual(mr.bytes.slice(4000, 4096), left.mr.bytes.slice(0, 96));
    }));

  it('windows give a part of one to the peer, and no more', () =>
    withPair({}, async ({ pd, left, right }) => {
      const mr = pd.alloc(8192, { access: ['LOCAL_WRITE', 'REMOTE_WRITE', 'MW_BIND'] });
      const mw = pd.allocMw(2);
      const rkey = ((mw.rkey & ~0xff) | ((mw.rkey + 1) & 0xff)) >>> 0;
      await right.qp.send({
        opcode: 'BIND_MW',
        mw,
        rkey,
        access: ['REMOTE_WRITE'],
        sges: [mr.slice(4096, 4096)],
      });
      assert.equal(mw.rkey, rkey);
      fill(left.mr.bytes);
      await left.qp.send({
        opcode: 'WRITE',
        sges: [left.mr.slice(0, 64)],
        remote: { address: mr.address + 4096n, rkey },
      });
      assert.deepEqual(mr.bytes.slice(4096, 4160), left.mr.bytes.slice(0, 64));
      const outside = left.qp.send({
        opcode: 'WRITE',
        sges: [left.mr.slice(0, 64)],
        remote: { address: mr.address, rkey },
      });
      await assert.rejects(outside, { status: 'REM_ACCESS_ERR' });
      await assert.rejects(right.qp.close({ cascade: false }), { code: 'EBUSY' });
      await right.qp.close();
      assert.ok(mw.closed, 'a window cannot outlive the QP that bound it');
    }));

  it('a window that is not bound cannot be invalidated', () =>
    withPair({}, async ({ pd, right }) => {
      const mw = pd.allocMw(2);
      const request = { opcode: 'LOCAL_INV', invalidateRkey: mw.rkey };
      await assert.rejects(right.qp.send(request), { name: 'WorkCompletionError' });
    }));

  it('what the device cannot do says so', () =>
    withPair({}, async ({ context, pd, left }) => {
      assert.throws(
        () => left.mr.reregister({ access: ['LOCAL_WRITE'] }),
        (error) => {
          assert.equal(error.name, 'UnsupportedError');
          assert.match(
            error.message,
            /the MR \d+ cannot be registered again: ibv_rereg_mr: not supported by this device/,
          );
          return true;
        },
      );
      if (context.query().onDemandPaging) return;
      assert.throws(() => pd.alloc(4096, { access: ['ON_DEMAND', 'LOCAL_WRITE'] }), {
        syscall: 'ibv_reg_mr',
      });
      assert.throws(() => pd.advise('PREFETCH', [left.mr.slice(0, 4096)]), { name: 'UnsupportedError' });
    }));
});

describe('CQs', () => {
  it('are resized with completions in them', () =>
    withPair({}, async ({ left, right }) => {
      right.qp.postRecv(...[1, 2, 3].map((wrId) => ({ wrId })));
      for (let i = 0; i < 3; i++) await left.qp.send({ opcode: 'SEND' });
      right.cq.resize(2000);
      assert.ok(right.cq.depth >= 2000);
      const seen = [];
      for await (const batch of right.cq.events()) {
        seen.push(...batch.map(({ wrId }) => wrId));
        if (seen.length === 3) break;
      }
      assert.deepEqual(seen, [1, 2, 3]);
    }));
});

it('a device may be opened more than once', async () => {
  const [one, two] = [open(), open('rxe0')];
  const pd = one.allocPd();
  const cq = two.createCq();
  assert.throws(() => pd.createQp({ sendCq: cq }), /belongs to another context/);
  await one.close();
  await two.close();
});
