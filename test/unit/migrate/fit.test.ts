import { describe, expect, it } from 'vitest';
import type { HostFacts } from '../../../src/migrate/agent/protocol.js';
import type { Fit } from '../../../src/migrate/fit.js';
import { judgeFit } from '../../../src/migrate/judge-fit.js';
import type { SourceFacts } from '../../../src/migrate/source.js';
import { answers, GIB, host, source, words } from './facts.js';

interface Case {
  /** What must be found, beside what is always told. */
  found: string[];
  source?: Partial<SourceFacts>;
  destination?: Partial<HostFacts>;
  fit?: Partial<Fit>;
}

const rdma = source().rdma;
const link = host('b', '').links[0] as HostFacts['links'][number];
const CASES: Record<string, Case> = {
  'two hosts that fit': { found: [] },
  'a kernel in which the clocks since boot jump': {
    destination: { timeNamespaces: false },
    found: ['warning MONOTONIC_CLOCK b'],
  },
  'a processor that lacks something': {
    fit: { lackingCpu: 'xsave size mismatch' },
    found: ['error CPU_LACKS_FEATURES b'],
  },
  'processors that CRIU cannot compare': {
    fit: { lackingCpu: undefined },
    found: ['info CPU_NOT_COMPARED b'],
  },
  'a clock that is late': {
    fit: { clock: { wall: -5000, monotonic: 0, error: 1 } },
    found: ['warning CLOCK_DIFFERS b'],
  },
  'a clock that may be right, for all that is known': {
    fit: { clock: { wall: -5000, monotonic: 0, error: 4000 } },
    found: [],
  },
  'no room for the images in any place': {
    source: { memory: 2 * GIB },
    destination: {
      memoryAvailable: 9 * GIB,
      imageSpace: [
        { path: '/dev/shm', device: 1, available: GIB },
        { path: '/var/tmp', device: 2, available: GIB },
      ],
    },
    found: ['error NO_SPACE b'],
  },
  'no room for two files on one file system': {
    fit: {
      carried: [
        { bytes: 6, device: 5, available: 10 },
        { bytes: 6, device: 5, available: 10 },
        { bytes: 6, device: 6, available: 10 },
      ],
    },
    found: ['error DISK_SHORT b'],
  },
  'another interface of the module': {
    destination: { moduleAbi: { abi: 2, dump: 4 } },
    found: ['error MODULE_ABI_DIFFERS b'],
  },
  'another key': {
    destination: { moduleAbi: { abi: 2, dump: 3, keyId: '00112233aabbccdd' } },
    found: ['error KEY_DIFFERS b'],
  },
  'another build of the plugin': { destination: { pluginHash: 'bb' }, found: ['warning PLUGIN_DIFFERS b'] },
  'an older CRIU': {
    destination: { versions: { ...host('b', '').versions, criu: '4.0' } },
    found: ['warning CRIU_OLDER b'],
  },
  'another roam': {
    destination: { versions: { ...host('b', '').versions, roam: '0.2.0' } },
    found: ['warning ROAM_DIFFERS b'],
  },
  'a smaller MTU': { destination: { links: [{ ...link, mtu: 512 }] }, found: ['error MTU_SMALLER b'] },
  'no GID of RoCE v2': {
    destination: { links: [{ ...link, roceV2: false }] },
    found: ['error GID_TYPE_MISSING b'],
  },
  'a port that is down': {
    destination: { links: [{ ...link, active: false }] },
    found: ['error PORT_DOWN b'],
  },
  'two devices of other names': {
    destination: {
      links: [
        { ...link, device: 'rxe1' },
        { ...link, device: 'rxe2' },
      ],
    },
    found: ['error DEVICE_UNMAPPED b'],
  },
  'one device of another name': { destination: { links: [{ ...link, device: 'rxe1' }] }, found: [] },
  'a control group': { source: { cgroup: '/system.slice/db' }, found: ['info CGROUP_STAYS a'] },
  'a kernel without dirty tracking': {
    source: { host: host('a', '10.77.0.1', { dirtyTracking: false }) },
    found: ['info NO_DIRTY_TRACKING a'],
  },
  'a peer without a route': {
    fit: { peers: [{ ip: '10.77.0.3', dev: null }] },
    found: ['warning PEER_NO_ROUTE b'],
  },
  'a peer behind another device': {
    fit: { peers: [{ ip: '10.77.0.3', dev: 'eth1' }] },
    found: ['warning PEER_OTHER_DEVICE b'],
  },
  'a peer in the network of the address that moves': {
    source: { address: { cidr: { ip: '10.77.0.9', prefix: 24, family: 4 }, dev: 'eth0' } },
    fit: { peers: [{ ip: '10.77.0.3', dev: null }] },
    found: [],
  },
};

describe('whether the destination fits', () => {
  it.each(Object.entries(CASES))('%s', (_, { found, ...given }) => {
    const destination = host('b', '10.77.0.2', given.destination);
    const findings = judgeFit(source(given.source), destination, answers(given.fit));
    expect(words(findings).sort()).toEqual([...found].sort());
    for (const { severity, remedy } of findings) if (severity !== 'info') expect(remedy).toBeTruthy();
  });

  it('needs no route to peers that are one of the two hosts', () => {
    const peers = [{ ip: '10.77.0.2', dev: null }];
    const findings = judgeFit(source(), host('b', '10.77.0.2'), answers({ peers }));
    expect(words(findings)).toEqual([]);
  });

  it('asks nothing of RDMA for a process without it', () => {
    const without = source({ rdma: { ...rdma, contexts: 0, devices: [], peers: [] } });
    const bare = host('b', '10.77.0.2', { links: [], pluginHash: undefined, moduleAbi: undefined });
    expect(words(judgeFit(without, bare, answers({ peers: [] })))).toEqual([]);
  });
});
