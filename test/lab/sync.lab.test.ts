import { describe, expect, it } from 'vitest';
import { useSweptLab } from './support/hooks.js';
import { node, script } from './support/lab.js';
import { migrate } from './support/migrate.js';

const DIR = '/root/service.out';

/** Appends a number to a file, ten times a second, and reads another file of the same directory. */
const SERVICE = `mkdir -p ${DIR} && cd ${DIR} && head -c 200000 /dev/urandom >data && n=0
  exec 3>>log; while sleep 0.1; do n=$((n+1)); echo $n >&3; done`;

describe('a process with a directory of its own', () => {
  useSweptLab();

  it('takes it along, up to the last line before the freeze', async () => {
    await script('b', `rm -rf ${DIR}; mkdir -p ${DIR}; echo old >${DIR}/removed-at-the-source`);
    await script('a', `rm -rf ${DIR}`);
    const pid = await (await node('a')).start(['sh', '-c', SERVICE], { log: '/root/service-log.out' });
    await script('a', `until [ -s ${DIR}/log ]; do sleep 0.1; done`);
    const report = await migrate('a', pid, { to: 'b', extra: ['--sync', DIR, '--pre-copy'] });
    expect(report.phases.map(({ name }) => name)).toEqual(expect.arrayContaining(['sync', 'pre-copy']));
    const carried = report.carried.filter(({ path }) => path.startsWith(DIR));
    expect(carried, 'what is synced needs no carrying').toEqual([]);

    const log = await script('b', `sleep 2; kill ${pid}; cat ${DIR}/log`);
    const numbers = log.split('\n').map(Number);
    expect(numbers, 'every line once').toEqual(numbers.map((_, i) => i + 1));
    const before = (await script('a', `wc -l <${DIR}/log`)).trim();
    expect(numbers.length, 'it went on').toBeGreaterThan(Number(before));
    const sums = await Promise.all(
      (['a', 'b'] as const).map((name) => script(name, `ls ${DIR}; md5sum <${DIR}/data`)),
    );
    expect(sums[1]).toBe(sums[0]);
  });
});
