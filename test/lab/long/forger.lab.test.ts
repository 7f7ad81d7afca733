import { describe, expect, it } from 'vitest';
import type { Finding } from '../../../dist/index.js';
import { attack, setKey } from '../support/forger.js';
import { useSweptLab } from '../support/hooks.js';
import { node, script, workload } from '../support/lab.js';
import { signal } from '../support/verdict.js';

/** docs/threat-model.md names this limit. */
describe('a forger who sees every packet, where the hosts have no key', () => {
  useSweptLab();

  it('ends the repetition of Resume, pauses the peer and redirects it to himself', async () => {
    const { test, mover, peer } = await attack([0]);
    expect({ mover, peer }).toEqual({
      mover: { state: 'running', unauthentic: 0 },
      peer: { state: 'paused', dgid: '::ffff:10.77.0.2', unauthentic: 0 },
    });
    for (const end of [test.mover, test.stayer]) await signal(end, 'TERM');
  });
});

describe('the key', () => {
  useSweptLab();

  it('is 32 hexadecimal digits or none, is not given out, and has an id', async () => {
    const id = () => script('a', 'cat /proc/sys/net/rdma_rxe/key_id');
    const key = '000102030405060708090a0b0c0d0e0f';
    expect((await id()).trim()).toBe('none');
    await setKey(['a'], key);
    const first = (await id()).trim();
    // SipHash-2-4 of 72 zero bytes, under the key of its paper.
    expect(first).toBe('eb270e91db8caa4c');
    for (const wrong of ['', '0', key.slice(1), `${key}0`, `${key.slice(1)}x`, `${key} ${key}`])
      await expect(setKey(['a'], wrong)).rejects.toThrow();
    expect((await id()).trim()).toBe(first);
    await setKey(['a'], `f${key.slice(1)}`);
    expect((await id()).trim()).not.toBe(first);
    await setKey(['a'], key.toUpperCase());
    expect((await id()).trim()).toBe(first);
    await expect(script('a', 'cat /proc/sys/net/rdma_rxe/key')).rejects.toThrow();
    await setKey(['a'], 'none');
    expect((await id()).trim()).toBe('none');
  });

  it('must be the same at source and destination', async () => {
    await setKey(['a'], '000102030405060708090a0b0c0d0e0f');
    const pid = await (await node('a')).start([workload('unsupported'), 'ud'], { log: '/root/keyed.out' });
    await script('a', 'until grep -q running /root/keyed.out; do sleep 0.1; done');
    const argv = ['roam', 'check', `pid:${pid}`, '--to', 'b', '--json'];
    const { stdout } = await (await node('a')).exec(argv, { reject: false });
    const found = JSON.parse(stdout).findings.map(({ code, host }: Finding) => `${code} ${host}`);
    expect(found).toContain('KEY_DIFFERS b');
    await script('a', 'kill -USR1 "$1"', [String(pid)]);
  });
});
