import { describe, expect, it } from 'vitest';
import { parseCidr } from '../../../src/migrate/address.js';
import { floatingFacts } from '../../../src/migrate/floating.js';
import { judgeSockets } from '../../../src/migrate/judge.js';
import { deviceIn } from '../../../src/migrate/netns/device.js';
import { isNetnsOf, type NetnsLink, netnsAt, parseLinks } from '../../../src/migrate/netns/facts.js';
import { type Inside, locksTcp } from '../../../src/migrate/netns/inside.js';
import { judgeInside, judgeNetnsPlace } from '../../../src/migrate/netns/judge.js';
import { ownNetwork, sysctlOfNetwork } from '../../../src/migrate/netns/own.js';
import { parseRoutes } from '../../../src/migrate/netns/routes.js';
import type { Container } from '../../../src/migrate/oci/container.js';
import type { SourceFacts } from '../../../src/migrate/source.js';
import type { Finding } from '../../../src/migrate/types.js';
import { source } from './facts.js';

const lo: NetnsLink = { name: 'lo', kind: '', up: true, addresses: ['127.0.0.1/8', '::1/128'] };
const macvlan = (name: string, ...addresses: string[]): NetnsLink => ({
  name,
  kind: 'macvlan',
  up: true,
  addresses,
});
const cidr = parseCidr('10.0.1.7/24');
const joined: Inside = {
  path: '/run/netns/blue',
  isReplaced: false,
  links: [lo, macvlan('mv0', '10.0.1.7/24')],
  others: [],
  address: { cidr, dev: 'mv0', routes: ['default via 10.0.1.1'] },
};
const words = (findings: Finding[]) => findings.map(({ severity, code }) => `${severity} ${code}`);

describe('a network namespace', () => {
  it('is read from what ip prints', () => {
    const text = JSON.stringify([
      {
        ifname: 'lo',
        flags: ['LOOPBACK', 'UP'],
        addr_info: [{ local: '127.0.0.1', prefixlen: 8, scope: 'host' }],
      },
      {},
      {
        ifname: 'mv0',
        flags: ['BROADCAST'],
        linkinfo: { info_kind: 'macvlan' },
        addr_info: [
          { local: '10.0.1.7', prefixlen: 24, scope: 'global' },
          { local: 'fe80::1', prefixlen: 64, scope: 'link' },
        ],
      },
    ]);
    expect(parseLinks(text)).toEqual([
      { ...lo, addresses: ['127.0.0.1/8'] },
      { ...macvlan('mv0', '10.0.1.7/24'), up: false },
    ]);
  });

  it('is a namespace, not a file of that name', async () => {
    expect(await netnsAt('/etc/hostname')).toBeNull();
    expect(await netnsAt('/run/netns/no such')).toBeNull();
    expect(await isNetnsOf(process.pid, '/proc/self/ns/net')).toBe(true);
    expect(await isNetnsOf(process.pid, '/proc/self/ns/mnt')).toBe(false);
  });

  it('takes an address where it is told to, where it was, or where its network is', () => {
    const links = [lo, macvlan('mv0'), macvlan('mv1', '10.0.1.9/24')];
    const of = (wanted?: string, dev?: string) => deviceIn(links, cidr, { wanted, dev })?.name;
    expect(of('mv1', 'mv0')).toBe('mv1');
    expect(of('mv2', 'mv0')).toBeUndefined();
    expect(of(undefined, 'mv0')).toBe('mv0');
    expect(of(undefined, 'eth0')).toBe('mv1');
    expect(deviceIn([lo], parseCidr('127.0.0.2/8'), { dev: 'eth0' })).toBeUndefined();
  });

  it('has routes that go with its last address, and those that the kernel makes', () => {
    const text = `default via 10.0.1.1 proto static metric 5 linkdown
10.0.1.0/24 proto kernel scope link src 10.0.1.7
10.9.0.0/16 via 10.0.1.2 onlink
`;
    expect(parseRoutes(text)).toEqual([
      'default via 10.0.1.1 proto static metric 5',
      '10.9.0.0/16 via 10.0.1.2 onlink',
    ]);
  });
});

describe('what a network namespace has against a move', () => {
  const container = { name: 'web' } as Container;
  const here = (inside: Partial<Inside>) => words(judgeInside(source(), container, { ...joined, ...inside }));
  const there = (links: NetnsLink[] | null, wanted?: string) =>
    words(judgeNetnsPlace(joined, links, 'b', wanted));

  it('at the source', () => {
    expect(here({})).toEqual([]);
    expect(here({ path: '/proc/17/ns/net' })).toEqual(['error NETNS_OF_PROCESS']);
    expect(here({ isReplaced: true })).toEqual(['error NETNS_REPLACED']);
    expect(here({ others: [{ pid: 5, comm: 'pause' }] })).toEqual(['warning NETNS_SHARED']);
  });

  it('without a path: only lo is made again', () => {
    const { path, address, ...own } = joined;
    const found = judgeInside(source(), container, own);
    expect(words(found)).toEqual(['error NETWORK_NAMESPACE']);
    expect(found[0]?.message).toContain('mv0 (macvlan)');
    const sit = { name: 'sit0', kind: 'sit', up: false, addresses: [] };
    expect(words(judgeInside(source(), container, { ...own, links: [lo, sit] }))).toEqual([]);
  });

  it('of its own: what a destination is told of it', () => {
    const { path, address, ...own } = joined;
    const sysctl = { 'net.core.somaxconn': '64' };
    expect(ownNetwork({ ...container, sysctl }, own)).toEqual({
      up: true,
      addresses: ['127.0.0.1/8', '::1/128'],
      sysctl,
    });
    expect(ownNetwork(container, joined)).toBeUndefined();
    expect(ownNetwork(container, undefined)).toBeUndefined();
    const names = ['net.ipv4.conf.eth0/1.arp_ignore', 'kernel.msgmax', 'net/../kernel/msgmax'];
    expect(sysctlOfNetwork(Object.fromEntries(names.map((name) => [name, '1'])))).toEqual({
      'net.ipv4.conf.eth0/1.arp_ignore': '1',
    });
  });

  it('at the destination', () => {
    expect(there([lo, macvlan('mv0')])).toEqual([]);
    expect(there([lo, macvlan('eth1', '10.0.1.9/24')])).toEqual([]);
    expect(there(null)).toEqual(['error NETNS_MISSING']);
    expect(there([lo])).toEqual(['error NETNS_DEVICE_MISSING']);
    expect(there([lo, macvlan('mv0')], 'mv1')).toEqual(['error NETNS_DEVICE_MISSING']);
    expect(there([lo, { ...macvlan('mv0'), up: false }])).toEqual(['error NETNS_DEVICE_DOWN']);
    expect(there([lo, macvlan('mv0'), macvlan('mv1', '10.0.1.7/24')])).toEqual(['error ADDRESS_TAKEN']);
  });
});

describe('connections in a network namespace', () => {
  const socket = { localAddress: '10.0.1.7', localPort: 5, remoteAddress: '10.0.1.8', remotePort: 6 };
  const connected = (inside: Inside) =>
    source({ connections: [socket as SourceFacts['connections'][number]], inside });

  it('stay with an address that stays, and go with one that moves', () => {
    const { address, ...without } = joined;
    expect(words(judgeSockets(connected(joined), [], false))).toEqual([]);
    expect(words(judgeSockets(connected(without), [], false))).toEqual(['error ADDRESS_STAYS']);
    expect(words(judgeSockets(connected(without), [{ ip: '10.0.1.7' }], false))).toEqual([]);
  });

  it('are locked where others reach them', () => {
    const { path, ...own } = joined;
    expect(locksTcp(connected(joined), false)).toBe(true);
    expect(locksTcp(connected(joined), true)).toBe(false);
    expect(locksTcp(connected(own), false)).toBe(false);
  });

  it('move by the address in there, not by one of the host', () => {
    expect(floatingFacts(source({ inside: joined }))).toEqual({
      cidr,
      dev: 'mv0',
      netns: '/run/netns/blue',
      routes: ['default via 10.0.1.1'],
    });
    const { address, ...without } = joined;
    const onHost = { cidr, dev: 'eth0' };
    expect(floatingFacts(source({ inside: without, address: onHost }))).toEqual(onHost);
    expect(floatingFacts(source({ inside: without }))).toBeUndefined();
  });
});
