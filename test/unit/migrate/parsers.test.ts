import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCidr } from '../../../src/migrate/address.js';
import { shellQuote } from '../../../src/migrate/agent/transport.js';
import { lockTables } from '../../../src/migrate/dump.js';
import { gidOf } from '../../../src/migrate/gid.js';
import { mappedFiles, parseFate, parseStat, statusBytes } from '../../../src/migrate/proc.js';
import { parseKey } from '../../../src/migrate/rdma.js';
import { parseTarget } from '../../../src/migrate/source.js';
import { decodeAddress, lockRuleset, parseSocketTable } from '../../../src/migrate/tcp.js';
import { isAtLeast } from '../../../src/migrate/version.js';

describe('proc', () => {
  it('reads a stat line whose command has spaces and parentheses', () => {
    expect(parseStat('42 (a) b (c)) T 1 40 39 34816 40 4194304 0')).toEqual({
      pid: 42,
      comm: 'a) b (c)',
      state: 'T',
      ppid: 1,
      pgid: 40,
      sid: 39,
      tty: 34816,
      flags: 4194304,
    });
  });

  it('reads memory from status', () => {
    expect(statusBytes('VmPeak:\t  99 kB\nVmRSS:\t   12 kB\nVmSwap:\t 0 kB\n', 'VmRSS')).toBe(12288);
    expect(statusBytes('Name:\tkthreadd\n', 'VmRSS')).toBe(0);
  });

  it('takes neither a frozen nor a dying process for a living one', () => {
    const status = (state: string, tracer: number, pending: string) =>
      `Name:\tx\nState:\t${state} (something)\nTracerPid:\t${tracer}\nSigPnd:\t0000000000000000\nShdPnd:\t${pending}\n`;
    const none = '0000000000000000';
    const runs = 0x400040;
    expect(parseFate(status('S', 0, none), runs)).toBe('alive');
    expect(parseFate(status('S', 0, '0000000000004000'), runs)).toBe('alive');
    expect(parseFate(status('S', 7, none), runs)).toBe('held');
    expect(parseFate(status('R', 0, '0000000000000100'), runs)).toBe('held');
    expect(parseFate(status('R', 0, none), runs | 4)).toBe('held');
    expect(parseFate(status('Z', 0, none), runs | 4)).toBe('dead');
    expect(parseFate('', 0)).toBe('dead');
  });

  it('lists mapped files once, without devices, deleted files and anonymous memory', () => {
    const maps = [
      '55d0-55d1 r--p 00000000 fe:00 1234                       /usr/bin/a b',
      '55d1-55d2 r-xp 00001000 fe:00 1234                       /usr/bin/a b',
      '7f00-7f01 rw-s 00000000 00:05 77                         /dev/infiniband/uverbs0',
      '7f01-7f02 rw-s 00000000 00:01 78                         /memfd:x (deleted)',
      '7f02-7f03 r--p 00000000 fe:00 99                         /usr/lib/old.so (deleted)',
      '7f03-7f04 rw-p 00000000 00:00 0                          [heap]',
      '7f04-7f05 rw-p 00000000 00:00 0 ',
    ].join('\n');
    expect(mappedFiles(maps)).toEqual(['/usr/bin/a b']);
  });
});

describe('sockets', () => {
  it('decodes addresses of both families', () => {
    expect(decodeAddress('0701000A')).toBe('10.0.1.7');
    expect(decodeAddress('0000000000000000FFFF00000701000A')).toBe('10.0.1.7');
    expect(decodeAddress('00000000000000000000000001000000')).toBe('::1');
    expect(decodeAddress('00000000000000000000000000000000')).toBe('::');
    expect(decodeAddress('000080FE00000000FF005450010077FE')).toBe('fe80::5054:ff:fe77:1');
  });

  it('reads a table', () => {
    const text = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0701000A:4855 03004D0A:A1B2 01 00000000:00000000 00:00000000 00000000     0        0 5150 1 0000 20 4 30 10 -1
`;
    expect(parseSocketTable(text)).toEqual([
      {
        family: 4,
        localAddress: '10.0.1.7',
        localPort: 18517,
        remoteAddress: '10.77.0.3',
        remotePort: 41394,
        state: 1,
        inode: 5150,
      },
    ]);
  });

  it('locks both directions and lets the packets of a restore through', () => {
    const rules = lockRuleset('roam_x', [
      { family: 4, localAddress: '10.0.1.7', localPort: 1, remoteAddress: '10.77.0.3', remotePort: 2 },
    ]);
    expect(rules).toContain('ip saddr 10.0.1.7 tcp sport 1 ip daddr 10.77.0.3 tcp dport 2 drop');
    expect(rules).toContain('ip saddr 10.77.0.3 tcp sport 2 ip daddr 10.0.1.7 tcp dport 1 drop');
    expect(rules.indexOf('meta mark')).toBeLessThan(rules.indexOf(' drop'));
  });
});

describe('keys of memory regions', () => {
  it('are hexadecimal whatever they look like', () => {
    expect(parseKey('40345')).toBe(0x40345);
    expect(parseKey('402e6')).toBe(0x402e6);
    expect(parseKey('0x402e6')).toBe(0x402e6);
    expect(parseKey(17)).toBe(17);
    expect(parseKey(undefined)).toBe(0);
  });
});

describe('the network lock of a dump', () => {
  const log =
    '(00.000000) CRIU run id = 96fa7f82-e5d0-42fe-9766-3185b8fb38cd\n(00.1) CRIU run id = 9eb80f0e-3254-4005-b8ed-0e131c3af2e6\n';

  it('is found by the cut name of the run, and no other table is', () => {
    const tables = ['filter', 'CRIU-9eb80f0e-3254-4005-b8', 'CRIU-11111111-3254-4005-b8', 'CRIU-', 'roam_x'];
    expect(lockTables(log, tables)).toEqual(['CRIU-9eb80f0e-3254-4005-b8']);
  });
});

describe('addresses', () => {
  it('takes addresses with their prefix, and nothing else', () => {
    expect(parseCidr('10.0.1.7/24')).toEqual({ ip: '10.0.1.7', prefix: 24, family: 4 });
    expect(parseCidr('fd00::7/64')).toEqual({ ip: 'fd00::7', prefix: 64, family: 6 });
    for (const bad of [
      '10.0.1.7',
      '10.0.1.7/33',
      '10.0.1/24',
      '10.0.1.7/24/1',
      '10.0.1.7/',
      'fd00::7/129',
      '',
    ]) {
      expect(() => parseCidr(bad)).toThrow(/prefix length/);
    }
  });

  it('gives the GID as sysfs writes it', () => {
    expect(gidOf('10.0.1.7')).toBe('0000:0000:0000:0000:0000:ffff:0a00:0107');
    expect(gidOf('fe80::5054:ff:fe77:1')).toBe('fe80:0000:0000:0000:5054:00ff:fe77:0001');
    expect(gidOf('1:2:3:4:5:6:7:8')).toBe('0001:0002:0003:0004:0005:0006:0007:0008');
  });
});

describe('words of the user', () => {
  it('reads a target', () => {
    expect(parseTarget('pid:17')).toBe(17);
    expect(parseTarget('17')).toBe(17);
    for (const bad of ['pid:', 'pid:0', 'pid:-1', 'x', 'pid:17x', ''])
      expect(() => parseTarget(bad)).toThrow(/what to move/);
  });

  it('compares versions by number', () => {
    expect(isAtLeast('4.1.1', '4.0')).toBe(true);
    expect(isAtLeast('4.0', '4.0')).toBe(true);
    expect(isAtLeast('3.17.1', '4.0')).toBe(false);
    expect(isAtLeast('10.0', '9.9')).toBe(true);
  });

  it('quotes any word for a shell', () => {
    fc.assert(
      fc.property(fc.string(), (word) => {
        const quoted = shellQuote(word);
        // Undo what a POSIX shell does: single quotes are literal, \' stands outside them.
        const unquoted = quoted.startsWith("'") ? quoted.slice(1, -1).replaceAll(`'\\''`, "'") : quoted;
        expect(unquoted).toBe(word);
        if (!quoted.startsWith("'")) expect(word).toMatch(/^[\w@%+=:,./-]+$/);
      }),
    );
  });
});
