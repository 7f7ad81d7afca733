import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { useSweptLab } from '../support/hooks.js';
import { lines, node, script } from '../support/lab.js';
import { FAST_LINK } from '../support/pace.js';
import { judged, recordSuite, repeatWhatDiffers, runSuite } from '../support/suite.js';

const BYSTANDER = fileURLToPath(new URL('../support/bystander.py', import.meta.url));

describe("rdma-core's own tests", () => {
  vi.setConfig({ testTimeout: 1_500_000 });
  useSweptLab(FAST_LINK);
  beforeAll(() => script('b', 'sh /usr/lib/roam/guest/load-rxe stock'));
  afterAll(() => script('b', 'sh /usr/lib/roam/guest/load-rxe roam'));

  it('say the same of our module and of the stock one', async () => {
    expect(await script('a', 'test -e /proc/sys/net/rdma_rxe/last_qpn && echo ours')).toBe('ours');
    expect(await script('b', 'test -e /proc/sys/net/rdma_rxe/last_qpn || echo stock')).toBe('stock');
    const [ours, stock] = await Promise.all([runSuite('a'), runSuite('b')]);
    await repeatWhatDiffers({ at: 'a', runs: ours }, { at: 'b', runs: stock });
    await recordSuite(await script('a', 'uname -r'), stock, ours);
    expect(stock.filter(({ outcome }) => outcome === 'pass').length).toBeGreaterThan(90);
    expect(ours.map(judged)).toEqual(stock.map(judged));
  });
});

/**
 * Lets CRIU, with the plugins of that directory, dump and restore a process that counts. What it is doing at that
 * moment, and what is in its pipes, differs from time to time. @returns what was seen
 */
async function dumpAndRestore(start: string, plugins: string): Promise<object> {
  const text = await script(
    'a',
    `set -u; cd /root; rm -rf images; mkdir -p images empty; rm -f count
     setsid sh -c '${start}' </dev/null >/root/bystander.out 2>&1 &
     pid=$!
     until [ "$(wc -l <count)" -ge 10 ]; do sleep 0.1; done 2>/dev/null
     criu dump --tree $pid --images-dir images --libdir "$1" --log-file dump.log; echo "dump $?"
     before=$(wc -l <count); sleep 1; [ "$(wc -l <count)" = "$before" ] && echo stopped
     ls images | grep 'img$' | grep -v -e stats -e sk-queues -e pipes-data | sed 's/-[0-9]*[.]/-N./' | sort -u | xargs echo
     criu restore --restore-detached --images-dir images --libdir "$1" --log-file restore.log; echo "restore $?"
     sleep 2; [ "$(wc -l <count)" -gt "$before" ] && echo counts
     kill -9 -$pid
     grep -h -e Error -e Warn images/*.log | grep -v interrupted | sed -e 's/^([0-9.]*) *//' -e 's/[0-9]\\{4,\\}/PID/g' | sort -u
     awk '{ print $1 }' count | cmp -s - <<END && echo unbroken
$(seq 0 $(($(wc -l <count) - 1)))
END
     cut -d' ' -f2- count | tail -n +10 | sort -u | wc -l`,
    [plugins],
    120_000,
  );
  return lines(text);
}

describe('CRIU, of a process without RDMA,', () => {
  useSweptLab(FAST_LINK);
  beforeAll(async () => (await node('a')).push(BYSTANDER, '/root/bystander.py'));
  afterEach(() => script('a', 'rm -rf /root/images /root/count'));

  it.each([
    ['Python', 'exec python3 /root/bystander.py /root/count'],
    ['a shell', 'n=0; while :; do echo "$n kept"; n=$((n + 1)); sleep 0.05; done >/root/count'],
  ])('does the same with our plugin and without any: %s', async (_, start) => {
    expect(await script('a', 'ls /usr/lib/criu')).toBe('roam_rdma_plugin.so');
    const without = await dumpAndRestore(start, '/root/empty');
    expect(without).toEqual(expect.arrayContaining(['dump 0', 'stopped', 'restore 0', 'counts', 'unbroken']));
    expect(await dumpAndRestore(start, '/usr/lib/criu')).toEqual(without);
  });
});
