import { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { Endpoint } from '../../../src/verbs/connection.js';
import { handshake } from '../../../src/verbs/handshake.js';
import type { Qp } from '../../../src/verbs/qp.js';

/** Two ends of one stream. */
function streams(): [Duplex, Duplex] {
  const ends: Duplex[] = [];
  const make = (other: number) =>
    new Duplex({
      read() {},
      write(chunk, _, done) {
        (ends[other] as Duplex).push(chunk);
        done();
      },
      final(done) {
        (ends[other] as Duplex).push(null);
        done();
      },
    });
  ends.push(make(1), make(0));
  return ends as [Duplex, Duplex];
}

/** What the exchange needs of a QP; that it connects for real is the lab's to show. */
function recorder(qpn: number) {
  const connected: Endpoint[] = [];
  const qp = {
    endpoint: () => ({ qpn, psn: qpn * 2, gid: '::ffff:10.0.0.1', lid: 0, mtu: 1024 }),
    connect: (remote: Endpoint) => connected.push(remote),
  } as unknown as Qp;
  return { qp, connected };
}

describe('handshake', () => {
  it('tells each end of the other, with regions and data, and leaves the stream usable', async () => {
    const [left, right] = streams();
    const [a, b] = [recorder(1), recorder(2)];
    const region = { address: 0xffff_0000_1234n, rkey: 77, length: 4096 };
    const both = Promise.all([
      handshake(a.qp, left, { gidIndex: 1, regions: { store: region as never }, data: { n: 1 } }),
      handshake(b.qp, right, { gidIndex: 1 }),
    ]);
    const [fromB, fromA] = await both;
    expect(a.connected).toMatchObject([{ qpn: 2, psn: 4 }]);
    expect(b.connected).toMatchObject([{ qpn: 1, psn: 2 }]);
    expect(fromA.regions).toEqual({ store: region });
    expect(fromA.data).toEqual({ n: 1 });
    expect(fromB.regions).toEqual({});
    left.write('and on');
    await new Promise((resolve) => right.once('readable', resolve));
    expect(right.read().toString()).toBe('and on');
  });

  it.each([
    ['GET / HTTP/1.1\n', /no JSON: GET/],
    ['{}\n', /version undefined, expected 1/],
    ['{"roamHandshake":1}\n', /no endpoint in it/],
    [
      '{"roamHandshake":1,"endpoint":{"qpn":-1,"psn":0,"gid":"::","lid":0,"mtu":1024}}\n',
      /no endpoint in it/,
    ],
    ['x'.repeat(70_000), /a line of over 65536 bytes/],
  ])('refuses %j', async (text, message) => {
    const [left, right] = streams();
    right.write(text);
    await expect(handshake(recorder(1).qp, left, { gidIndex: 1 })).rejects.toThrow(message);
  });

  it('ends when the peer does, and with its signal', async () => {
    const [left, right] = streams();
    right.end();
    await expect(handshake(recorder(1).qp, left, { gidIndex: 1 })).rejects.toThrow(
      /it closed the connection/,
    );
    const [other] = streams();
    const signal = AbortSignal.timeout(20);
    await expect(handshake(recorder(1).qp, other, { gidIndex: 1, signal })).rejects.toThrow(/timeout/);
  });
});
