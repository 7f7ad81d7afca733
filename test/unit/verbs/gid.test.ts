import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bestGid } from '../../../src/verbs/best-gid.js';
import { gidBytes, gidOfAddress, sameGid } from '../../../src/verbs/gid.js';

describe('gidBytes', () => {
  it('reads every form of an IPv6 address', () => {
    const hex = (text: string) => Buffer.from(gidBytes(text)).toString('hex');
    expect(hex('::')).toBe('0'.repeat(32));
    expect(hex('::ffff:10.77.0.1')).toBe('00000000000000000000ffff0a4d0001');
    expect(hex('fe80::5054:ff:fe12:3456')).toBe('fe80000000000000505400fffe123456');
    expect(hex('1:2:3:4:5:6:7:8')).toBe('00010002000300040005000600070008');
    expect(hex('1::')).toBe(`0001${'0'.repeat(28)}`);
  });

  it('is the inverse of writing groups, whatever they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        const groups = Array.from({ length: 8 }, (_, i) =>
          Buffer.from(bytes.subarray(2 * i, 2 * i + 2)).toString('hex'),
        );
        expect(Buffer.from(gidBytes(groups.join(':')))).toEqual(Buffer.from(bytes));
      }),
    );
  });

  it('refuses what is none', () => {
    for (const text of ['', '10.0.0.1', 'fe80', '1:2:3:4:5:6:7:8:9', '::ffff:10.0.0'])
      expect(() => gidBytes(text), text).toThrow(/a GID is written as an IPv6 address/);
  });
});

describe('bestGid', () => {
  const gid = (index: number, text: string, type = 'RoCE v2', port = 1) => ({
    index,
    port,
    gid: text,
    type,
    netdev: 'eth0',
  });
  const gids = [
    gid(0, 'fe80::1', 'RoCE v1'),
    gid(1, 'fe80::1'),
    gid(2, '2001:db8::1'),
    gid(3, gidOfAddress('10.0.0.1'), 'RoCE v1'),
    gid(4, gidOfAddress('10.0.0.1')),
    gid(5, gidOfAddress('10.0.1.7')),
  ];

  it('takes RoCE v2, IPv4 first, or the family of the peer', () => {
    expect(bestGid('rxe0', gids, {}).index).toBe(4);
    expect(bestGid('rxe0', gids, { peer: '10.9.9.9' }).index).toBe(4);
    expect(bestGid('rxe0', gids, { peer: '2001:db8::9' }).index).toBe(2);
    expect(bestGid('rxe0', gids, { address: '10.0.1.7' }).index).toBe(5);
  });

  it('says what it did not find', () => {
    expect(() => bestGid('rxe0', gids, { address: '10.0.0.9' })).toThrow(
      'port 1 of rxe0 has no RoCE v2 GID for 10.0.0.9',
    );
    expect(() => bestGid('rxe0', gids, { port: 2 })).toThrow('port 2 of rxe0 has no RoCE v2 GID');
  });

  it('sees through different spellings', () => {
    expect(sameGid('::ffff:10.0.0.1', '::ffff:a00:1')).toBe(true);
    expect(sameGid('::ffff:10.0.0.1', '::ffff:10.0.0.2')).toBe(false);
  });
});
