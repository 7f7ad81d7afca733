// Two hosts and a process that fit, to be varied.
import type { HostFacts } from '../../../src/migrate/agent/protocol.js';
import type { Fit } from '../../../src/migrate/fit.js';
import type { SourceFacts } from '../../../src/migrate/source.js';
import type { Finding } from '../../../src/migrate/types.js';

export const GIB = 2 ** 30;

export function host(name: string, ip: string, more: Partial<HostFacts> = {}): HostFacts {
  return {
    hostname: name,
    versions: { kernel: '6.12.1', criu: '4.1.1', roam: '0.1.0', module: '0.1.0' },
    arch: 'x64',
    criuPlugin: true,
    pluginHash: 'aa',
    dirtyTracking: true,
    lazyPages: true,
    zstd: '1.5.7',
    moduleAbi: { abi: 2, dump: 3 },
    addresses: [{ dev: 'eth0', ip }],
    links: [{ device: 'rxe0', netdev: 'eth0', mtu: 1024, active: true, roceV2: true }],
    imageSpace: [{ path: '/dev/shm', device: 1, available: GIB }],
    qpns: [],
    mrKeys: [],
    memoryAvailable: GIB,
    timeNamespaces: true,
    missingPrograms: [],
    canAnnounce: true,
    ...more,
  };
}

export function source(more: Partial<SourceFacts> = {}): SourceFacts {
  return {
    pid: 17,
    tasks: [],
    pids: [17],
    fds: [],
    files: { files: [], directories: [] },
    connections: [],
    bound: [],
    foreignNamespaces: [],
    shellJob: false,
    rdma: {
      contexts: 1,
      qpns: [4098],
      unsupported: [],
      devices: ['rxe0'],
      connected: [{ qpn: 4098, destQpn: 12290, own: '10.77.0.1', peer: '10.77.0.3', isPaused: false }],
      peers: ['10.77.0.3'],
    },
    cgroup: '/',
    host: host('a', '10.77.0.1'),
    hostname: 'a',
    memory: 1024,
    ...more,
  };
}

export const answers = (more: Partial<Fit> = {}): Fit => ({
  lackingCpu: null,
  clock: { wall: 10, monotonic: 5, error: 1 },
  peers: [{ ip: '10.77.0.3', dev: 'eth0' }],
  reach: [{ ip: '10.77.0.3', here: 'answers', there: 'answers' }],
  asked: [],
  carried: [],
  ...more,
});

export const words = (findings: Finding[]): string[] =>
  findings.map(({ severity, code, host: on }) => `${severity} ${code} ${on}`);
