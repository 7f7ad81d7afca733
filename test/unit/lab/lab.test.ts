import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { cacheDir, hashInputs, pruneCache, withCacheLock } from '../../../src/lab/cache.js';
import { loadOrder } from '../../../src/lab/image/initramfs.js';
import type { LabPlan } from '../../../src/lab/plan.js';
import { nodeSpecs, qemuArgs } from '../../../src/lab/qemu.js';
import { checkName, claimRunDir, connect, runningLabs } from '../../../src/lab/state.js';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'roam-lab-unit-'));
  vi.stubEnv('ROAM_CACHE_DIR', path.join(dir, 'cache'));
  vi.stubEnv('XDG_RUNTIME_DIR', path.join(dir, 'run'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(dir, { recursive: true });
});

test('modules are loaded after what they depend on, each once, and built-in ones are left out', () => {
  const dep = [
    'fs/ext4.ko.xz: lib/crc16.ko.xz fs/jbd2.ko.xz',
    'fs/jbd2.ko.xz:',
    'core/ib_uverbs.ko.xz: core/ib_core.ko.xz',
    'core/rdma_ucm.ko.xz: core/rdma_cm.ko.xz core/ib_core.ko.xz',
  ].join('\n');
  expect(loadOrder(dep, ['ext4', 'builtin', 'ib_uverbs', 'rdma_ucm'])).toEqual([
    'fs/jbd2.ko.xz',
    'lib/crc16.ko.xz',
    'fs/ext4.ko.xz',
    'core/ib_core.ko.xz',
    'core/ib_uverbs.ko.xz',
    'core/rdma_cm.ko.xz',
    'core/rdma_ucm.ko.xz',
  ]);
});

test('the hash of inputs follows contents, names and texts', async () => {
  const file = path.join(dir, 'tree/one');
  await mkdir(path.dirname(file));
  await writeFile(file, 'x');
  const tree = path.dirname(file);
  const first = await hashInputs(['a'], [tree]);
  expect(await hashInputs(['a'], [tree])).toBe(first);
  expect(await hashInputs(['b'], [tree])).not.toBe(first);
  await writeFile(file, 'y');
  const changed = await hashInputs(['a'], [tree]);
  expect(changed).not.toBe(first);
  await writeFile(path.join(tree, 'two'), '');
  expect(await hashInputs(['a'], [tree])).not.toBe(changed);
});

test('a lock of a dead process is broken, one of a live process is waited for', async () => {
  await mkdir(cacheDir(), { recursive: true });
  // Beyond the kernel's highest possible process id.
  await writeFile(path.join(cacheDir(), 'x.lock'), '99999999');
  const order: string[] = [];
  const slow = withCacheLock('x', async () => {
    await new Promise((resolve) => setTimeout(resolve, 100));
    order.push('first');
  });
  await new Promise((resolve) => setTimeout(resolve, 30));
  await Promise.all([slow, withCacheLock('x', async () => order.push('second'))]);
  expect(order).toEqual(['first', 'second']);
});

test('pruning keeps the current entries', async () => {
  for (const name of ['part-a', 'part-b', 'other'])
    await mkdir(path.join(cacheDir(), name), { recursive: true });
  await pruneCache('part-', ['part-b'], 0);
  expect((await readdir(cacheDir())).sort()).toEqual(['other', 'part-b']);
});

test.each(['A', '1a', 'a_b', '../x', '', 'a'.repeat(16)])('%j is no node name', (name) => {
  expect(() => checkName('node', name)).toThrow(/is no node name/);
});

test('a lab that does not run is absent', async () => {
  await claimRunDir('gone');
  expect(await connect('gone')).toBeUndefined();
  expect(await runningLabs()).toEqual([]);
});

test('every node has addresses, taps and ids of its own', () => {
  const nodes = nodeSpecs(['a', 'b', 'peer'], (name) => (name === 'peer' ? 'stock' : 'roam'));
  expect(new Set(nodes.flatMap((node) => [node.ip, node.controlIp])).size).toBe(6);
  const image = {
    kernel: '/k',
    base: { rootDisk: '/root.ext4' },
    payload: { disk: '/payload.ext4', initramfs: '/initramfs' },
  } as LabPlan['image'];
  const plan: LabPlan = {
    name: 'x',
    nodes,
    image,
    accel: 'tcg',
    tscKhz: 2445428,
    memory: 1024,
    bootTimeout: 1,
  };
  const lines = nodes.map((node) => qemuArgs(node, plan, '/console').join(' '));
  expect(lines[2]).toContain('roam_node=peer roam_n=3 roam_hosts=a,b,peer roam_module=stock');
  expect(lines[0]).toContain('tsc_early_khz=2445428');
  expect(new Set(lines.flatMap((line) => line.match(/mac=[\w:]+/g) ?? [])).size).toBe(6);
  expect(new Set(lines.flatMap((line) => line.match(/ifname=\w+/g) ?? [])).size).toBe(6);
  // Every node writes to its own copy of the disks.
  for (const line of lines) expect(line.match(/snapshot=on/g)).toHaveLength(2);
});
