import { describe, expect, it } from 'vitest';
import { sameNetwork } from '../../../src/migrate/address.js';
import { pathMtu } from '../../../src/migrate/agent/links.js';
import type { HostFacts } from '../../../src/migrate/agent/protocol.js';
import { bySeverity } from '../../../src/migrate/findings.js';
import { judgeHost, judgePair, judgeSockets, judgeTree } from '../../../src/migrate/judge.js';
import { judgePostCopy } from '../../../src/migrate/judge-post-copy.js';
import { judgeUnreliable } from '../../../src/migrate/judge-unreliable.js';
import type { Container } from '../../../src/migrate/oci/container.js';
import type { SourceFacts } from '../../../src/migrate/source.js';
import type { Finding } from '../../../src/migrate/types.js';
import { host, source, words } from './facts.js';

const rdma = source().rdma;

describe('findings of the tree and of each host', () => {
  it('have a severity and a code, and are told once', () => {
    const fd = { pid: 17, fd: 3, link: 'anon_inode:[io_uring]', flags: 2 };
    const tree = source({
      foreignNamespaces: ['mnt'],
      fds: [fd, { ...fd, fd: 4 }, { ...fd, link: '/dev/pts/1' }, { ...fd, link: 'pipe:[5]', flags: 0 }],
      rdma: { ...rdma, unsupported: ['SRQ 1'] },
      address: { cidr: { ip: '10.0.1.7', prefix: 24, family: 4 } },
    });
    expect(words(judgeTree(tree))).toEqual([
      'error NAMESPACES a',
      'error IO_URING a',
      'error TERMINAL a',
      'error RDMA_OBJECT_UNSUPPORTED a',
      'error ADDRESS_NOT_HERE a',
      'error PIPE_LEAVES_TREE a',
    ]);
    const bare = { criuPlugin: false, links: [], missingPrograms: ['nft'], canAnnounce: false };
    expect(words(judgeHost(host('b', '', bare), tree))).toEqual([
      'error PROGRAM_MISSING b',
      'error CANNOT_ANNOUNCE b',
      'error PLUGIN_MISSING b',
      'error NO_RXE_DEVICE b',
    ]);
  });

  it('let a pseudo terminal go of which the tree holds both ends', () => {
    const master = { pid: 17, fd: 5, link: '/dev/ptmx', flags: 2, pty: 1 };
    const ends = (slave: string) => [master, { pid: 18, fd: 1, link: slave, flags: 2 }];
    expect(words(judgeTree(source({ fds: ends('/dev/pts/1') })))).toEqual([]);
    expect(words(judgeTree(source({ fds: ends('/dev/pts/2') })))).toEqual(['error TERMINAL a']);
  });

  it('know a key that a thread has registered', () => {
    const task = {
      pid: 17,
      comm: 't',
      state: 'S',
      ppid: 1,
      pgid: 17,
      sid: 17,
      tty: 0,
      threads: [17, 19],
      memory: 1,
    };
    const own = host('a', '10.77.0.1', { mrKeys: [{ device: 'rxe0', key: 0x1234, pid: 19 }] });
    const there = host('b', '10.77.0.2', { mrKeys: [{ device: 'rxe0', key: 0x1255, pid: 5 }] });
    expect(words(judgePair(source({ host: own, tasks: [task] }), there))).toEqual(['error KEY_IN_USE b']);
  });

  it('know a key that the kernel has for itself', () => {
    const own = host('a', '10.77.0.1', { mrKeys: [{ device: 'rxe0', key: 0x80183, pid: 17 }] });
    const there = host('b', '10.77.0.2', { mrKeys: [{ device: 'rxe0', key: 0x8013f, pid: 0 }] });
    const [finding] = judgePair(source({ host: own }), there);
    expect(finding?.message).toBe('MR key 0x8013f is in use on rxe0 (the kernel)');
    expect(finding?.remedy).toContain('when rxe0 is deleted and added again');
  });

  it('of two hosts, and of sockets', () => {
    const own = host('a', '10.77.0.1', { mrKeys: [{ device: 'rxe0', key: 0x1234, pid: 17 }] });
    const there = host('b', '10.77.0.2', {
      arch: 'arm64',
      versions: { kernel: '6.13', criu: '4.1.1', roam: '0.1.0', module: '0.2.0' },
      qpns: [{ device: 'rxe0', qpn: 4098, pid: 5 }],
      mrKeys: [{ device: 'rxe0', key: 0x1255, pid: 5 }],
      memoryAvailable: 0,
    });
    expect(words(judgePair(source({ host: own }), there))).toEqual([
      'error ARCH_DIFFERS b',
      'error KERNEL_DIFFERS b',
      'error MODULE_DIFFERS b',
      'error QPN_IN_USE b',
      'error KEY_IN_USE b',
      'error MEMORY_SHORT b',
    ]);
    const socket = { localAddress: '10.77.0.1', localPort: 5, remoteAddress: '10.77.0.3', remotePort: 6 };
    const connected = source({ connections: [socket as SourceFacts['connections'][number]] });
    expect(words(judgeSockets(connected, there.addresses, false))).toEqual(['error ADDRESS_STAYS a']);
  });

  it('tell of QPs whose peers nobody tells of a new address', () => {
    const unreliable = [
      { qpn: 17, type: 'UC', address: '10.77.0.7' },
      { qpn: 18, type: 'UD' },
    ];
    const found = (ip: string | undefined, there: string) => {
      const address = ip ? { address: { cidr: { ip, prefix: 24, family: 4 as const }, dev: 'eth0' } } : {};
      return words(judgeUnreliable(source({ rdma: { ...rdma, unreliable }, ...address }), host('b', there)));
    };
    expect(found(undefined, '10.77.0.2')).toEqual(['error ADDRESS_STAYS a', 'warning ADDRESS_STAYS a']);
    expect(found('10.77.0.7', '10.77.0.2')).toEqual([]);
    expect(found('10.77.0.8', '10.77.0.2')).toEqual(['error ADDRESS_STAYS a']);
    expect(found(undefined, '10.77.0.7')).toEqual(['warning ADDRESS_STAYS a']);
    expect(words(judgeUnreliable(source(), host('b', '10.77.0.2')))).toEqual([]);
  });

  it('tell what post-copy needs, and what it puts at stake', () => {
    const found = (here: Partial<HostFacts>, there: Partial<HostFacts>) =>
      judgePostCopy(source({ host: host('a', '10.77.0.1', here) }), host('b', '10.77.0.2', there)).map(
        ({ severity, code, host }) => `${severity} ${code} ${host}`,
      );
    expect(found({}, {})).toEqual(['warning POST_COPY_RISK a']);
    expect(found({ lazyPages: false }, {})).toEqual(['warning POST_COPY_RISK a']);
    expect(found({}, { lazyPages: false })).toContain('error POST_COPY_UNSUPPORTED b');
    expect(found({ memoryAvailable: 1000 }, {})).toContain('error MEMORY_SHORT a');
    const codes = (container: object) =>
      words(judgePostCopy(source({ container: container as Container }), host('b', '10.77.0.2')));
    expect(codes({ name: 'db' }), 'of runc').toEqual(['warning POST_COPY_RISK a']);
    expect(codes({ name: 'db', docker: {} })).toContain('error POST_COPY_UNSUPPORTED a');
  });

  it('come with the errors first', () => {
    const of = (severity: Finding['severity'], code: string): Finding => ({
      severity,
      code,
      host: 'a',
      message: code,
    });
    const mixed = [of('info', 'A'), of('warning', 'B'), of('error', 'C'), of('info', 'D'), of('error', 'E')];
    expect(bySeverity(mixed).map(({ code }) => code)).toEqual(['C', 'E', 'B', 'A', 'D']);
  });
});

describe('numbers of networks', () => {
  it('knows the path MTU that rxe gives', () => {
    expect([1500, 1104, 1103, 9000, 4176, 200].map(pathMtu)).toEqual([1024, 1024, 512, 4096, 4096, 0]);
  });

  it('knows which addresses are in one network', () => {
    expect(sameNetwork('10.0.1.8', { ip: '10.0.1.7', prefix: 24 })).toBe(true);
    expect(sameNetwork('10.0.2.8', { ip: '10.0.1.7', prefix: 24 })).toBe(false);
    expect(sameNetwork('200.0.2.8', { ip: '10.0.1.7', prefix: 0 })).toBe(true);
    expect(sameNetwork('fe80::1', { ip: 'fe80::2', prefix: 64 })).toBe(false);
  });
});
