import { describe, expect, it } from 'vitest';
import type { CheckReport } from '../../../dist/index.js';
import { useSweptLab } from '../support/hooks.js';
import { node, STAYING_IP, script } from '../support/lab.js';
import { check } from '../support/migrate.js';
import { goodVerdicts, signal, startWorkload, type WorkloadOptions } from '../support/verdict.js';

const toC = (address: WorkloadOptions['address']) =>
  startWorkload({ server: 'a', client: 'c', moving: 'server', address, args: ['--rate', '5', '--events'] });

const ofPeers = ({ findings }: CheckReport) =>
  findings
    .filter(({ code }) => code.startsWith('PEER_'))
    .map(({ severity, code, host }) => `${severity} ${code} ${host}`);

describe('roam check and the peers', () => {
  useSweptLab();

  it('knows one whose host it may ask, and says so of one that is not there', async () => {
    const test = await toC('changed');
    const ip = (await node('c')).ip;
    const { pid } = test.mover;
    // Its QP answers for itself.
    const unasked = await check('a', pid, { to: 'b' });
    expect(ofPeers(unasked)).toEqual(['info PEER_FOLLOWS a']);
    expect(unasked.peers).toEqual([
      {
        ip,
        qpns: unasked.qpns,
        kind: 'roam',
        mode: 'changed-address',
        fromSource: 'answers',
        fromDestination: 'answers',
      },
    ]);
    const extra = ['--peer', 'c'];
    const asked = await check('a', pid, { to: 'b', extra });
    expect(ofPeers(asked)).toEqual(['info PEER_FOLLOWS a']);
    expect(asked.peers).toMatchObject([
      { ip, kind: 'roam', host: 'c', module: asked.versions.source.module },
    ]);
    expect(asked.ok).toBe(true);

    const eth0 = (state: string) => script('c', 'ip link set eth0 "$1"', [state]);
    await eth0('down');
    try {
      for (const name of ['a', 'b'] as const) await script(name, 'ip neigh flush dev eth0');
      const gone = await check('a', pid, { to: 'b' });
      expect(ofPeers(gone), JSON.stringify(gone.peers)).toContain('warning PEER_UNREACHABLE a');
      expect(gone.peers).toMatchObject([{ fromSource: 'unreachable', fromDestination: 'unreachable' }]);
    } finally {
      await eth0('up');
    }
    // The link was down for longer than retries last: one of them may have ended by itself.
    for (const name of ['a', 'c'] as const) await script(name, 'kill -9 $(pidof verdict); true');
  });

  it('refuses a changed address to one on the stock module, and warns with a floating one', async () => {
    await script('c', 'sh /usr/lib/roam/guest/load-rxe stock');
    try {
      const extra = ['--peer', 'c'];
      const changes = await toC('changed');
      const refused = await check('a', changes.mover.pid, { to: 'b', extra });
      expect(ofPeers(refused)).toEqual(['error PEER_STOCK a']);
      const silent = await check('a', changes.mover.pid, { to: 'b' });
      expect(ofPeers(silent), 'its QP does not answer, its host does').toEqual(['error PEER_STOCK a']);
      expect(refused.ok).toBe(false);
      expect(refused.peers).toMatchObject([{ kind: 'stock', host: 'c', mode: 'changed-address' }]);
      await signal(changes.mover, 'USR1');
      await goodVerdicts(changes);

      const floats = await toC('floating');
      const warned = await check('a', floats.mover.pid, { to: 'b', ip: '10.0.1.7/24', extra });
      expect(ofPeers(warned), JSON.stringify(warned)).toEqual(['warning PEER_STOCK a']);
      expect(warned.peers).toMatchObject([{ ip: STAYING_IP, kind: 'stock', mode: 'same-address' }]);
      expect(warned.ok).toBe(true);
      await signal(floats.mover, 'USR1');
      await goodVerdicts(floats);
    } finally {
      // The stock module does not go while a process has its device open.
      await script('c', 'kill -9 $(pidof verdict); sleep 1; sh /usr/lib/roam/guest/load-rxe roam');
    }
  });
});
