import { describe, expect, it } from 'vitest';
import { type Container, containerName, hostPath, parseSpec } from '../../../src/migrate/oci/container.js';
import { judgeContainer } from '../../../src/migrate/oci/judge.js';
import type { SourceFacts } from '../../../src/migrate/source.js';

const spec = (more: object = {}, linux: object = {}) =>
  JSON.stringify({
    root: { path: 'rootfs', readonly: true },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs' },
      { destination: '/data', type: 'bind', source: 'data', options: ['rbind', 'rw'] },
      { destination: '/data/keys', source: '/srv/keys', options: ['bind', 'ro'] },
    ],
    linux: { namespaces: [{ type: 'pid' }, { type: 'mount' }], ...linux },
    ...more,
  });

const container = (more: object = {}, linux: object = {}): Container => ({
  runtime: 'runc',
  name: 'web',
  pid: 17,
  bundle: '/srv/web',
  ...parseSpec(spec(more, linux), '/srv/web'),
});

describe('a name', () => {
  it('is taken from the target, and no other target is a container', () => {
    expect(containerName('runc:web-1.a+b_c')).toEqual({ runtime: 'runc', name: 'web-1.a+b_c' });
    expect(containerName('crun:web')).toEqual({ runtime: 'crun', name: 'web' });
    expect(containerName('youki:web')).toBeUndefined();
    expect(containerName('pid:17')).toBeUndefined();
    expect(containerName('17')).toBeUndefined();
    for (const bad of ['runc:', 'crun:', 'runc:--force', 'runc:../x', 'runc:a b'])
      expect(() => containerName(bad)).toThrow(/no name of a container/);
  });
});

describe('files of a container on the host', () => {
  it('lie in the root file system, in what is mounted there, or nowhere', () => {
    const of = (path: string) => hostPath(container(), path);
    expect(of('/')).toBe('/srv/web/rootfs');
    expect(of('/bin/app')).toBe('/srv/web/rootfs/bin/app');
    expect(of('/data')).toBe('/srv/web/data');
    expect(of('/data/log')).toBe('/srv/web/data/log');
    expect(of('/data/keys/a')).toBe('/srv/keys/a');
    expect(of('/database')).toBe('/srv/web/rootfs/database');
    expect(of('/dev/shm/x')).toBeUndefined();
  });

  it('knows a mount from its options alone, and an absolute root', () => {
    expect(container().binds).toEqual([
      { source: '/srv/web/data', destination: '/data', writable: true },
      { source: '/srv/keys', destination: '/data/keys', writable: false },
    ]);
    expect(container({ root: { path: '/images/web' } })).toMatchObject({
      rootfs: '/images/web',
      readonly: false,
    });
  });

  it('tells the network that it joins from other namespaces that it joins', () => {
    const path = '/run/netns/blue';
    const { netns, joined, own } = container(
      {},
      { namespaces: [{ type: 'network', path }, { type: 'ipc', path: '/proc/1/ns/ipc' }, { type: 'pid' }] },
    );
    expect({ netns, joined, own }).toEqual({ netns: path, joined: ['ipc'], own: ['pid'] });
    expect(container({}, { namespaces: [{ type: 'network' }] }).netns).toBeUndefined();
  });

  it('knows a cgroup that systemd makes', () => {
    expect(container({}, { cgroupsPath: 'system.slice:runc:web' }).systemdCgroup).toBe(true);
    expect(container({}, { cgroupsPath: '/web' }).systemdCgroup).toBe(false);
    expect(container().systemdCgroup).toBe(false);
  });
});

describe('what keeps a container from moving', () => {
  const codes = (of: Container, sync: string[], ...foreignNamespaces: string[]) =>
    judgeContainer({ hostname: 'a', foreignNamespaces } as unknown as SourceFacts, of, sync).map(
      ({ severity, code }) => `${severity} ${code}`,
    );

  it('is a namespace that CRIU does not make again alone', () => {
    expect(codes(container(), ['/srv/web'], 'mnt', 'pid', 'ipc', 'uts')).toEqual([]);
    expect(codes(container(), ['/srv/web'], 'net', 'user')).toEqual(['error USER_NAMESPACE']);
    const joined = container({}, { namespaces: [{ type: 'ipc', path: '/proc/1/ns/ipc' }] });
    expect(codes(joined, ['/srv/web'])).toEqual(['error NAMESPACE_SHARED']);
  });

  it('is what it wrote and nobody brings along', () => {
    expect(codes(container(), [])).toEqual(['warning BIND_STAYS']);
    const writable = container({ root: { path: 'rootfs' } });
    expect(codes(writable, ['/srv/web/data'])).toEqual(['error ROOTFS_STAYS']);
    expect(codes(writable, ['/srv/web'])).toEqual([]);
  });
});
