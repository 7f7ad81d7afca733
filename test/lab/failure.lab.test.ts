import { describe, expect, it } from 'vitest';
import { useSweptLab } from './support/hooks.js';
import { script } from './support/lab.js';
import { migrateFails } from './support/migrate.js';
import { isRefused } from './support/refused.js';
import { whenImagesArrive } from './support/sabotage.js';
import { runsOn, startTraffic } from './support/traffic.js';

describe('a move that fails leaves the source running and its peers served', () => {
  useSweptLab();

  it('dump: the destination has no room left', async () => {
    const test = await startTraffic();
    const sabotage = await whenImagesArrive(
      'b',
      'mount -o remount,size=64k /dev/shm',
      'mount -o remount,size=50% /dev/shm',
    );
    const extra = ['--report', '/root/failed.html', '--support-bundle', '/root/failed.tgz'];
    const error = await migrateFails('a', test.mover.pid, { to: 'b', extra });
    await sabotage.undo();
    expect(error.phase).toBe('dump');
    expect(error.message).toMatch(/no space|wrote only/i);
    expect(await script('a', 'grep -c "What was rolled back" /root/failed.html')).toBe('1');
    expect(await script('a', 'stat -c %a /root/failed.tgz')).toBe('600');
    const bundle = (await script('a', 'tar -tzf /root/failed.tgz')).split('\n');
    for (const name of [
      'report.json',
      'source/images/dump.log',
      'source/facts.json',
      'destination/dmesg.log',
    ])
      expect(bundle).toContain(`roam-support/${name}`);
    expect(bundle.filter((name) => name.endsWith('.img'))).toEqual([]);
    await runsOn(test);
  });

  it('dump: a descriptor that CRIU cannot dump', async () => {
    const test = await startTraffic('exec 7</dev/cpu_dma_latency');
    const error = await migrateFails('a', test.mover.pid, { to: 'b', extra: ['--keep-images'] });
    expect(error.phase).toBe('dump');
    expect(error.message).toMatch(/can't dump file/i);
    for (const name of ['a', 'b'] as const) {
      const kept = `/dev/shm/roam-a-${test.mover.pid}-*`;
      expect(await script(name, `stat -c %a ${kept} && rm -r ${kept}`)).toBe('700');
    }
    await runsOn(test);
  });
});

describe('what cannot move is refused by name before anything stops', () => {
  useSweptLab();

  it('what belongs to rdma_cm', () => isRefused('rdma_cm', /rdma_cm \(descriptor/));

  it('a destination without our module', async () => {
    const test = await startTraffic();
    await script('b', 'sh /usr/lib/roam/guest/load-rxe stock');
    try {
      const error = await migrateFails('a', test.mover.pid, { to: 'b' });
      expect(error.phase).toBe('preflight');
      expect(error.message).toMatch(/rdma_rxe cannot migrate/);
    } finally {
      await script('b', 'sh /usr/lib/roam/guest/load-rxe roam');
    }
    await runsOn(test);
  });
});
