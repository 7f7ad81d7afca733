import { describe, expect, it } from 'vitest';
import { turns } from '../../../src/fleet/drain.js';
import { addressesOf, candidates, occupy, type Place } from '../../../src/fleet/place.js';
import { type Check, type Planned, plan } from '../../../src/fleet/plan.js';
import type { DrainOptions, Movable } from '../../../src/fleet/types.js';
import { floatingOf, oneFloating, parseAddresses } from '../../../src/migrate/floats.js';
import type { CheckReport } from '../../../src/migrate/index.js';
import { type ProcEntry, rootOf, topmost } from '../../../src/migrate/movables.js';

const MIB = 2 ** 20;

const place = (host: string, more: Partial<Place> = {}): Place => ({
  host,
  hostname: host,
  memoryAvailable: 600 * MIB,
  memoryTotal: 1000 * MIB,
  cpus: 4,
  load: 0,
  qpns: new Set(),
  mrns: new Set(),
  addresses: new Set(),
  ...more,
});

const unit = (pid: number, more: Partial<Movable> = {}): Movable => ({
  target: `pid:${pid}`,
  pid,
  comm: 'app',
  pids: [pid],
  memory: 50 * MIB,
  devices: ['rxe0'],
  qpns: [],
  mrns: [],
  peers: [],
  floating: [],
  ...more,
});

describe('where things may go', () => {
  it('is where there is room and no number or address is taken', () => {
    const places = [
      place('full', { memoryAvailable: 100 * MIB }),
      place('qpn', { qpns: new Set([17]) }),
      place('mrn', { mrns: new Set([4]) }),
      place('address', { addresses: new Set(['10.0.1.7']) }),
      place('free'),
    ];
    const { fit, unfit } = candidates(unit(1, { qpns: [17], mrns: [4] }), places, '10.0.1.7/24');
    expect(fit.map(({ host }) => host)).toEqual(['free']);
    expect(unfit).toEqual([
      { host: 'full', reason: '116 MiB of memory are needed, 100 MiB are left' },
      { host: 'qpn', reason: 'QPN 17 is in use' },
      { host: 'mrn', reason: 'an MR key of number 4 is in use' },
      { host: 'address', reason: '10.0.1.7 is an address of it already' },
    ]);
  });

  it('is first where the scarcer of memory and processor time is least scarce', () => {
    const places = [
      place('busy', { load: 3.5, memoryAvailable: 900 * MIB }),
      place('small', { memoryAvailable: 300 * MIB }),
      place('idle'),
    ];
    expect(candidates(unit(1), places).fit.map(({ host }) => host)).toEqual(['idle', 'small', 'busy']);
  });

  it('counts what was placed before', () => {
    const places = [place('b'), place('c')];
    const hosts: string[] = [];
    for (const pid of [1, 2, 3, 4]) {
      const [best] = candidates(unit(pid), places).fit;
      if (!best) throw new Error('no place');
      hosts.push(best.host);
      occupy(best, unit(pid), undefined, false);
    }
    expect(hosts).toEqual(['b', 'c', 'b', 'c']);
  });
});

describe('addresses of a host', () => {
  const json = JSON.stringify([
    { ifname: 'lo', addr_info: [{ family: 'inet', local: '127.0.0.1', prefixlen: 8, scope: 'host' }] },
    {
      ifname: 'eth0',
      addr_info: [
        { family: 'inet', local: '10.77.0.1', prefixlen: 24, scope: 'global' },
        { family: 'inet', local: '10.0.1.7', prefixlen: 24, scope: 'global' },
        { family: 'inet6', local: 'fd00::1', prefixlen: 64, scope: 'global' },
        { family: 'inet6', local: 'fe80::1', prefixlen: 64, scope: 'link' },
      ],
    },
  ]);

  it('float when they are not the first of their device and family', () => {
    const addresses = parseAddresses(json);
    expect(floatingOf(['10.77.0.1', '10.0.1.7', 'fd00::1', 'fe80::1', '::'], addresses)).toEqual([
      '10.0.1.7/24',
    ]);
    expect(floatingOf(['10.77.0.1'], addresses)).toEqual([]);
  });

  it('move one at a time', () => {
    expect(oneFloating('pid:1', [])).toBeUndefined();
    expect(oneFloating('pid:1', ['10.0.1.7/24'])).toBe('10.0.1.7/24');
    expect(() => oneFloating('pid:1', ['10.0.1.7/24', '10.0.1.8/24'])).toThrow(/2 addresses/);
  });

  it('move with one process, and not where two use them', () => {
    const shared = ['10.0.1.9/24'];
    const units = [
      unit(1, { floating: ['10.0.1.7/24'] }),
      unit(2, { floating: shared }),
      unit(3, { floating: shared }),
      unit(4),
    ];
    expect([...addressesOf(units, 'auto')]).toEqual([
      ['pid:1', { ip: '10.0.1.7/24' }],
      ['pid:2', { problem: '10.0.1.9/24 is used by pid:3 too, and can move with one' }],
      ['pid:3', { problem: '10.0.1.9/24 is used by pid:2 too, and can move with one' }],
      ['pid:4', {}],
    ]);
    expect([...addressesOf(units, 'none').values()]).toEqual([{}, {}, {}, {}]);
    expect([...addressesOf(units, ['10.0.1.7/24']).values()]).toEqual([{ ip: '10.0.1.7/24' }, {}, {}, {}]);
  });
});

describe('what moves as one', () => {
  const task = (
    pid: number,
    ppid: number,
    sid: number,
    more: Partial<ProcEntry> = {},
  ): [number, ProcEntry] => [pid, { pid, ppid, sid, pgid: sid, tty: 0, ...more }];

  it('is the topmost of a session, and of a job in that of a terminal', () => {
    const tasks = new Map([
      task(1, 0, 1),
      task(10, 1, 10),
      task(11, 10, 10),
      task(12, 11, 10),
      task(20, 1, 20, { tty: 5 }),
      task(21, 20, 20, { tty: 5, pgid: 21 }),
      task(22, 21, 20, { tty: 5, pgid: 21 }),
    ]);
    const outside = new Set([0, 1]);
    expect(rootOf(12, tasks, outside)).toBe(10);
    expect(rootOf(22, tasks, outside)).toBe(21);
    expect(rootOf(12, tasks, new Set([0, 1, 10]))).toBe(11);
  });

  it('is not a tree within another one', () => {
    const tasks = new Map([task(1, 0, 1), task(10, 1, 10), task(11, 10, 11), task(30, 1, 30)]);
    expect(topmost([10, 11, 30, 10], tasks)).toEqual([10, 30]);
  });
});

describe('the plan of a drain', () => {
  const report = (ok: boolean): CheckReport =>
    ({
      ok,
      findings: ok
        ? []
        : [{ severity: 'error', code: 'MODULE_STOCK', host: 'b', message: 'no way', remedy: 'do it' }],
    }) as unknown as CheckReport;
  const options: DrainOptions = { to: ['b', 'c'] };

  it('takes the next destination when one does not fit, the largest thing first', async () => {
    const asked: string[] = [];
    const check: Check = async ({ target, to, ip }) => {
      asked.push(`${target} ${to} ${ip ?? '-'}`);
      return report(to === 'c');
    };
    const units = [unit(1), unit(2, { memory: 60 * MIB, floating: ['10.0.1.7/24'] })];
    const planned = await plan(units, [place('b'), place('c')], options, check);
    expect(planned.map(({ unit: { target }, to, ip }: Planned) => [target, to, ip])).toEqual([
      ['pid:2', 'c', '10.0.1.7/24'],
      ['pid:1', 'c', undefined],
    ]);
    expect(asked).toEqual(['pid:2 b 10.0.1.7/24', 'pid:2 c 10.0.1.7/24', 'pid:1 b -', 'pid:1 c -']);
  });

  it('says why nothing takes it', async () => {
    const check: Check = async ({ to }) => {
      if (to === 'c') throw new Error('ssh to c failed');
      return report(false);
    };
    const units = [unit(1), unit(2, { problem: 'it is in a container that is not one of runc' })];
    const planned = await plan(units, [place('b'), place('c')], options, check);
    expect(planned.map(({ reason, remedy }) => [reason, remedy])).toEqual([
      ['to c: ssh to c failed; b: no way', 'do it'],
      ['it is in a container that is not one of runc', undefined],
    ]);
  });
});

describe('turns', () => {
  it('are had one at a time, in the order in which they were asked for', async () => {
    const turn = turns();
    const order: string[] = [];
    const work = async (name: string) => {
      const end = await turn();
      order.push(`${name} begins`);
      await new Promise((resolve) => setTimeout(resolve, 1));
      order.push(`${name} ends`);
      end();
      end();
    };
    await Promise.all([work('a'), work('b')]);
    expect(order).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
  });
});
