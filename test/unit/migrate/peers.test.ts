import { describe, expect, it } from 'vitest';
import type { PeerHost } from '../../../src/migrate/agent/peer-host.js';
import type { HostFacts } from '../../../src/migrate/agent/protocol.js';
import type { Fit } from '../../../src/migrate/fit.js';
import { judgePeers } from '../../../src/migrate/judge-peers.js';
import { describePeers } from '../../../src/migrate/peers.js';
import type { SourceFacts } from '../../../src/migrate/source.js';
import { answers, host, source } from './facts.js';

const PEER = '10.77.0.3';
const FLOATING = '10.77.0.7';

const qp = { qpn: 4098, destQpn: 12290, own: '10.77.0.1', peer: PEER, isPaused: false };
const rdma = source().rdma;
const floats: Partial<SourceFacts> = {
  rdma: { ...rdma, connected: [{ ...qp, own: FLOATING }] },
  address: { cidr: { ip: FLOATING, prefix: 24, family: 4 }, dev: 'eth0' },
};

const asked = (more: Partial<PeerHost> = {}): Pick<Fit, 'asked'> => ({
  asked: [
    {
      host: 'root@c',
      facts: {
        hostname: 'c',
        addresses: ['10.0.0.1', PEER],
        hasRxe: true,
        module: { version: '0.1.0', abi: 2 },
        qpns: [12290],
        ...more,
      },
    },
  ],
});
const stock = { module: undefined, qpns: undefined };

interface Given {
  source?: Partial<SourceFacts>;
  destination?: Partial<HostFacts>;
  fit?: Partial<Fit>;
}

function judged({ source: more, destination, fit: told }: Given) {
  const [from, to, fit] = [source(more), host('b', '10.77.0.2', destination), answers(told)];
  const peers = describePeers(from, to, fit);
  const findings = judgePeers(from, to, peers, fit.asked);
  return {
    peers,
    findings,
    words: findings.map(({ severity, code, host }) => `${severity} ${code} ${host}`),
  };
}

const reached = (here?: Fit['reach'][number]['here'], there?: typeof here): Pick<Fit, 'reach'> => ({
  reach: [{ ip: PEER, here, there }],
});

describe('what a peer is', () => {
  it.each<[string, Given, object, string[]]>([
    [
      'unknown, if nobody tells',
      {},
      { kind: 'unknown', mode: 'changed-address' },
      ['info PEER_KIND_UNKNOWN a'],
    ],
    [
      'told by its host',
      { fit: asked() },
      { kind: 'roam', host: 'c', module: '0.1.0', mode: 'changed-address' },
      ['info PEER_FOLLOWS a'],
    ],
    [
      'told by its host, and finds the same address again',
      { fit: asked(), source: floats },
      { kind: 'roam', mode: 'same-address' },
      ['info PEER_FOLLOWS a'],
    ],
    [
      'known by what it has said itself',
      { source: { rdma: { ...rdma, connected: [{ ...qp, isPaused: true }] } } },
      { kind: 'roam' },
      ['info PEER_FOLLOWS a'],
    ],
    [
      'on the stock module, and the address changes',
      { fit: asked(stock) },
      { kind: 'stock' },
      ['error PEER_STOCK a'],
    ],
    [
      'on the stock module, and the address floats',
      { fit: asked(stock), source: floats },
      { kind: 'stock', mode: 'same-address' },
      ['warning PEER_STOCK a'],
    ],
    [
      'known by its answer to a greeting',
      { source: { rdma: { ...rdma, connected: [{ ...qp, isAware: true }] } } },
      { kind: 'roam' },
      ['info PEER_FOLLOWS a'],
    ],
    [
      'known by its silence, when its host is up',
      {
        source: { rdma: { ...rdma, connected: [{ ...qp, isAware: false }] } },
        fit: reached('answers', 'answers'),
      },
      { kind: 'stock' },
      ['error PEER_STOCK a'],
    ],
    [
      'known by its silence, and the address floats',
      {
        source: { ...floats, rdma: { ...rdma, connected: [{ ...qp, own: FLOATING, isAware: false }] } },
        fit: reached('answers', 'answers'),
      },
      { kind: 'stock', mode: 'same-address' },
      ['warning PEER_STOCK a'],
    ],
    [
      'unknown when its host is silent too',
      {
        source: { rdma: { ...rdma, connected: [{ ...qp, isAware: false }] } },
        fit: reached('silent', 'silent'),
      },
      { kind: 'unknown' },
      ['info PEER_KIND_UNKNOWN a', 'info PEER_SILENT a'],
    ],
    [
      'gone with its device',
      { fit: asked({ ...stock, hasRxe: false }) },
      { kind: 'none' },
      ['warning PEER_NO_ROCE a'],
    ],
    [
      'gone with its port',
      { fit: reached('no-roce', 'no-roce') },
      { kind: 'none' },
      ['warning PEER_NO_ROCE a'],
    ],
    [
      'of another version',
      { fit: asked({ module: { version: '0.2.0', abi: 5 } }) },
      { kind: 'roam', module: '0.2.0' },
      ['warning PEER_MODULE_DIFFERS a'],
    ],
    [
      'of another key',
      { fit: asked({ module: { version: '0.1.0', abi: 2, keyId: '00112233aabbccdd' } }) },
      { kind: 'roam' },
      ['error PEER_KEY_DIFFERS a'],
    ],
    [
      'there without its QP',
      { fit: asked({ qpns: [1] }) },
      { kind: 'roam' },
      ['warning PEER_QP_GONE a', 'info PEER_FOLLOWS a'],
    ],
    [
      'the destination itself',
      {
        source: { rdma: { ...rdma, connected: [{ ...qp, peer: '10.77.0.2' }] } },
        destination: { qpns: [{ device: 'rxe0', qpn: 12290, pid: 5 }] },
      },
      { kind: 'roam', host: 'b', ip: '10.77.0.2' },
      ['info PEER_FOLLOWS a'],
    ],
    [
      'not told, if the host that was named has other addresses',
      { fit: asked({ addresses: ['10.9.9.9'] }) },
      { kind: 'unknown' },
      ['info PEER_KIND_UNKNOWN a'],
    ],
    [
      'not told, if the host that was named cannot be asked',
      { fit: { asked: [{ host: 'c', failure: 'ssh: no way' }] } },
      { kind: 'unknown' },
      ['info PEER_KIND_UNKNOWN a', 'warning PEER_HOST_UNASKED a'],
    ],
  ])('%s', (_, given, expected, words) => {
    const { peers, words: found, findings } = judged(given);
    expect(peers).toHaveLength(1);
    expect(peers[0]).toMatchObject({ qpns: [4098], ...expected });
    expect(found).toEqual(words);
    for (const { severity, remedy } of findings) if (severity !== 'info') expect(remedy).toBeTruthy();
  });

  it('is said of each peer once, whatever the number of its QPs; one that changes its address counts', () => {
    const connected = [
      { ...qp, own: FLOATING },
      { ...qp, qpn: 4099 },
      { ...qp, qpn: 4100, peer: '10.77.0.4' },
    ];
    const { peers, words } = judged({ source: { ...floats, rdma: { ...rdma, connected } } });
    expect(peers).toMatchObject([
      { ip: PEER, qpns: [4098, 4099], mode: 'changed-address' },
      { ip: '10.77.0.4', qpns: [4100] },
    ]);
    expect(words).toEqual(['info PEER_KIND_UNKNOWN a', 'info PEER_KIND_UNKNOWN a']);
  });
});

describe('whether a peer answers', () => {
  const kind = 'info PEER_KIND_UNKNOWN a';

  it.each<[string, Given, string[]]>([
    ['both', { fit: reached('answers', 'answers') }, []],
    ['none', { fit: reached('unreachable', 'unreachable') }, ['warning PEER_UNREACHABLE a']],
    ['not the destination', { fit: reached('answers', 'unreachable') }, ['warning PEER_UNREACHABLE b']],
    ['the destination with silence', { fit: reached('answers', 'silent') }, ['warning PEER_SILENT b']],
    ['nobody', { fit: reached('silent', 'silent') }, ['info PEER_SILENT a']],
    ['what was not asked', { fit: reached() }, []],
  ])('%s', (_, given, words) => {
    expect(judged(given).words).toEqual([kind, ...words]);
  });

  it('not the destination, which gets the way there with the address', () => {
    for (const there of ['unreachable', 'silent'] as const)
      expect(judged({ source: floats, fit: reached('answers', there) }).words).toEqual([kind]);
  });
});
