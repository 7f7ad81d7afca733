// How long a QP waits for a partner that is being moved, and who answers for one that is nowhere.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { openRxe } from 'roam-rdma';
import { withPair } from './pair.mjs';

const LIMIT = '/proc/sys/net/rdma_rxe/max_hold_ms';
const HOLD_MS = 1000;
const soon = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const usual = readFileSync(LIMIT, 'utf8');

const message = (end) => ({ opcode: 'SEND', sges: [end.mr.slice(0, 64)] });
const receive = (end) => end.qp.recv({ sges: [end.mr.slice(1024, 64)] });
const status = (promise) =>
  promise.then(
    () => 'SUCCESS',
    (error) => error.status,
  );

async function reaches(qp, state, ms = 3000) {
  const start = performance.now();
  while (qp.migrationState !== state) {
    if (performance.now() - start > ms) throw new Error(`${qp.migrationState}, not ${state}`);
    await soon(10);
  }
  return performance.now() - start;
}

/** What a host would need to answer for the end's QP, which is stopped. */
function reservationOf(rxe, { qp }) {
  const found = rxe.listQps().find(({ qpn }) => qpn === qp.qpn);
  const { qpn, destQpn: peerQpn, dgid: peerGid, epoch, respPsn: psn, msn, rnrTimer, peerAware } = found;
  return { qpn, peerQpn, peerGid, epoch, psn, msn, rnrTimer, peerAware };
}

describe('waiting for a partner', () => {
  before(() => writeFileSync(LIMIT, String(HOLD_MS)));
  after(() => writeFileSync(LIMIT, usual));

  it('ends with the error of a peer that does not answer', () =>
    withPair({}, async ({ left, right }) => {
      right.qp.stop();
      const start = performance.now();
      const outcomes = [message(left), message(left), message(left)].map((one) => status(left.qp.send(one)));
      await reaches(left.qp, 'paused');
      assert.deepEqual(await Promise.all(outcomes), ['RETRY_EXC_ERR', 'WR_FLUSH_ERR', 'WR_FLUSH_ERR']);
      const waited = performance.now() - start;
      assert.ok(waited >= HOLD_MS && waited < 4 * HOLD_MS, `${waited} ms`);
      assert.equal(left.qp.state, 'ERR');
      await reaches(left.qp, 'running');
      right.qp.resume();
    }));

  it('ends so for every operation, and for one that was posted while waiting', async () => {
    const operations = (left, right, remote) => ({
      WRITE: { ...message(left), opcode: 'WRITE', remote: remote(right) },
      READ: { ...message(left), opcode: 'READ', remote: remote(right) },
      FETCH_ADD: { opcode: 'FETCH_ADD', sges: [left.mr.slice(0, 8)], remote: remote(right), add: 1n },
      LONG: { opcode: 'WRITE', sges: [left.mr.slice(0, 60_000)], remote: remote(right) },
    });
    for (const name of ['WRITE', 'READ', 'FETCH_ADD', 'LONG'])
      await withPair({}, async ({ left, right, remote }) => {
        right.qp.stop();
        const outcomes = [status(left.qp.send(operations(left, right, remote)[name]))];
        await reaches(left.qp, 'paused');
        outcomes.push(status(left.qp.send(message(left))));
        assert.deepEqual(await Promise.all(outcomes), ['RETRY_EXC_ERR', 'WR_FLUSH_ERR'], name);
      });
  });

  it('does not end while it lasts, nor in the next stop', () =>
    withPair({}, async ({ left, right }) => {
      for (let round = 0; round < 3; round++) {
        const got = receive(right);
        right.qp.stop();
        const sent = left.qp.send(message(left));
        await reaches(left.qp, 'paused');
        await soon(HOLD_MS * 0.6);
        right.qp.resume();
        await Promise.all([sent, got]);
      }
      // The clock of the last stop is over by now, and nobody waits.
      await soon(HOLD_MS);
      assert.equal(left.qp.state, 'RTS');
      const got = receive(right);
      await Promise.all([left.qp.send(message(left)), got]);
    }));

  it('ends in silence when nothing waits', () =>
    withPair({}, async ({ left, right }) => {
      const rxe = openRxe();
      right.qp.stop();
      rxe.reserve([reservationOf(rxe, right)], 60_000);
      assert.equal(left.qp.migrationState, 'paused', 'a peer on the same device is told at once');
      const waited = await reaches(left.qp, 'running');
      assert.ok(waited > HOLD_MS * 0.7, `${waited} ms`);
      assert.equal(left.qp.state, 'RTS');
      const got = receive(right);
      right.qp.resume();
      await Promise.all([left.qp.send(message(left)), got]);
      assert.equal(rxe.query().reservations, 0, 'RESUME ends a reservation');
      rxe.close();
    }));

  it('of a QP that was resumed, for a peer that is gone', () =>
    withPair({}, async ({ left, right }) => {
      right.qp.stop();
      await left.qp.close();
      right.qp.resume();
      assert.equal(right.qp.migrationState, 'resuming');
      await reaches(right.qp, 'running');
      assert.equal(right.qp.state, 'RTS');
      right.qp.stop();
      const outcome = status(right.qp.send(message(right)));
      right.qp.resume();
      assert.equal(await outcome, 'RETRY_EXC_ERR');
      assert.equal(right.qp.state, 'ERR');
    }));

  it('is no reason not to close, reset or stop again', () =>
    withPair({}, async ({ context, left, right }) => {
      right.qp.stop();
      const lost = status(left.qp.send(message(left)));
      await reaches(left.qp, 'paused');
      context.stopAll();
      await soon(1.5 * HOLD_MS);
      assert.equal(left.qp.migrationState, 'stopped', 'a stopped QP has no clock');
      left.qp.resume();
      assert.equal(left.qp.migrationState, 'paused');
      left.qp.modify({ state: 'RESET' });
      assert.equal(left.qp.migrationState, 'running');
      await soon(1.5 * HOLD_MS);
      assert.equal(left.qp.state, 'RESET');
      await left.qp.close();
      assert.equal(await lost, 'WR_FLUSH_ERR');
    }));
});

describe('a reservation', () => {
  const stopped = (test) =>
    withPair({}, async (both) => {
      const rxe = openRxe();
      both.right.qp.stop();
      const reservation = reservationOf(rxe, both.right);
      try {
        await test({ ...both, rxe, reservation });
      } finally {
        rxe.reserve([reservation], 0);
        rxe.close();
      }
    });

  it('keeps a peer waiting whose partner is destroyed', () =>
    stopped(async ({ rxe, reservation, left, right }) => {
      writeFileSync(LIMIT, String(HOLD_MS));
      rxe.reserve([reservation], 60_000);
      writeFileSync(LIMIT, usual);
      await right.qp.close();
      const outcome = status(left.qp.send(message(left)));
      await soon(HOLD_MS / 2);
      assert.equal(left.qp.migrationState, 'paused');
      assert.equal(await outcome, 'RETRY_EXC_ERR');
    }));

  it('ends by its time, or when it is cancelled', () =>
    stopped(async ({ rxe, reservation }) => {
      rxe.reserve([reservation], 300);
      assert.equal(rxe.query().reservations, 1);
      rxe.reserve([reservation], 60_000);
      assert.equal(rxe.query().reservations, 1);
      rxe.reserve([reservation], 0);
      assert.equal(rxe.query().reservations, 0);
      rxe.reserve([reservation], 300);
      await soon(400);
      assert.equal(rxe.query().reservations, 0);
    }));

  it('is refused when it makes no sense, and nothing of its list is kept', () =>
    stopped(({ rxe, reservation }) => {
      for (const wrong of [{ qpn: 0 }, { qpn: 1 }, { qpn: 0xffffff }, { peerQpn: 0 }, { epoch: 0 }]) {
        const list = [
          { ...reservation, qpn: 77 },
          { ...reservation, ...wrong },
        ];
        assert.throws(() => rxe.reserve(list, 1000), { code: 'EINVAL' }, JSON.stringify(wrong));
      }
      assert.throws(() => rxe.reserve([reservation], 25 * 3600 * 1000), { code: 'EINVAL' });
      assert.throws(() => rxe.reserve([{ ...reservation, peerGid: 'nobody' }], 1000), TypeError);
      assert.throws(() => rxe.reserve([{ ...reservation, qpn: -1 }], 1000), TypeError);
      const many = (count) =>
        Array.from({ length: count }, (_, i) => ({ ...reservation, qpn: 0x100000 + i, peerQpn: 0x100000 }));
      assert.throws(() => rxe.reserve(many(16_385), 1000), { code: 'EINVAL' });
      rxe.reserve(many(16_384), 60_000);
      assert.throws(() => rxe.reserve([{ ...reservation, qpn: 77 }], 1000), { code: 'ENOSPC' });
      assert.equal(rxe.query().reservations, 16_384);
      rxe.reserve(many(16_384), 0);
      assert.equal(rxe.query().reservations, 0);
    }));

  it('is not for everyone', () => {
    const program = `
      import { openRxe } from 'roam-rdma';
      const one = { qpn: 77, peerQpn: 78, peerGid: '::ffff:10.77.0.1', epoch: 1, psn: 0, msn: 0, rnrTimer: 0 };
      try { openRxe().reserve([one], 1000); } catch (error) { console.log(error.code); }`;
    const { stdout, stderr } = spawnSync(
      'setpriv',
      ['--bounding-set=-all', '--inh-caps=-all', process.execPath, '--input-type=module', '-e', program],
      { cwd: import.meta.dirname, encoding: 'utf8' },
    );
    assert.equal(stdout.trim(), 'EPERM', stderr);
  });
});
