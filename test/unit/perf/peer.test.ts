import { connect, createServer, type Socket } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeKey, encodeKey, type Key, Peer } from '../../../src/perf/peer.js';
import { sameGid } from '../../../src/verbs/gid.js';

const key: Key = {
  lid: 0,
  outReads: 1,
  qpn: 0x11,
  psn: 0xabcdef,
  rkey: 0x1234,
  address: 0x7f00_1122_3000n,
  gid: '::ffff:10.0.0.1',
};

describe("a QP's key", () => {
  it("is perftest's text of 108 bytes", () => {
    expect(encodeKey(key).toString('latin1')).toBe(
      '0000:0001:000011:abcdef:00001234:00007f0011223000:00:00:00:00:00:00:00:00:00:00:ff:ff:0a:00:00:01:00000000:\0',
    );
    expect(encodeKey(key)).toHaveLength(108);
  });

  it('survives the way there and back', () => {
    const number = (max: number) => fc.integer({ min: 0, max });
    fc.assert(
      fc.property(
        fc.record({
          lid: number(0xffff),
          outReads: number(0xffff),
          qpn: number(0xffffff),
          psn: number(0xffffff),
          rkey: number(0xffffffff),
          address: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
          gid: fc.ipV6(),
        }),
        (some) => {
          const { gid, ...rest } = decodeKey(encodeKey(some));
          const { gid: sent, ...expected } = some;
          expect(rest).toEqual(expected);
          expect(sameGid(gid, sent)).toBe(true);
        },
      ),
    );
  });

  it('is nothing else', () => {
    expect(() => decodeKey(Buffer.alloc(108))).toThrow(/the peer sent something else than its keys/);
    expect(() => decodeKey(Buffer.from('x'.repeat(108)))).toThrow(
      expect.objectContaining({ code: 'PERF_PEER' }),
    );
  });
});

/** A client and a server over loopback. */
async function peers(): Promise<{ client: Peer; server: Peer; raw: Socket; close(): void }> {
  const listener = createServer();
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const accepted = new Promise<Socket>((resolve) => listener.once('connection', resolve));
  const socket = connect((listener.address() as { port: number }).port, '127.0.0.1');
  const raw = await accepted;
  listener.close();
  return {
    client: new Peer(socket, true),
    server: new Peer(raw, false),
    raw,
    close: () => {
      socket.destroy();
      raw.destroy();
    },
  };
}

describe('the exchange', () => {
  it('goes through all of its forms', async () => {
    const { client, server, close } = await peers();
    await Promise.all([client.exchangeVersion(), server.exchangeVersion()]);
    expect(await Promise.all([client.exchangeMax(4096), server.exchangeMax(65536)])).toEqual([65536, 65536]);
    expect(await Promise.all([client.exchangeMtu(4096), server.exchangeMtu(1024)])).toEqual([1024, 1024]);
    expect(
      await Promise.all([
        client.exchangeDoubles([1, 2, 0.5, 1e9, 3]),
        server.exchangeDoubles([4, 5, 0.25, 6, 7]),
      ]),
    ).toEqual([
      [4, 5, 0.25, 6, 7],
      [1, 2, 0.5, 1e9, 3],
    ]);
    const [remote] = await Promise.all([client.exchangeKey(key), server.exchangeKey({ ...key, qpn: 99 })]);
    expect(remote?.qpn).toBe(99);
    close();
  });

  it('takes a message that comes in pieces, and refuses an old version', async () => {
    const { client, raw, close } = await peers();
    const exchanged = client.exchangeVersion();
    raw.write('5.6');
    await new Promise((resolve) => setTimeout(resolve, 20));
    raw.write(Buffer.alloc(13));
    await expect(exchanged).rejects.toThrow(/the peer's version is "5.6"/);
    close();
  });

  it('notices that the peer has gone', async () => {
    const { client, raw, close } = await peers();
    raw.end();
    await expect(client.exchangeVersion()).rejects.toThrow(/the peer closed the connection/);
    await client.ended(1000);
    close();
  });
});
