import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { cacheDir } from '../../../dist/lab/index.js';
import { useSweptLab } from '../support/hooks.js';
import { node, script } from '../support/lab.js';
import { type Built, buildPackages } from '../support/packages.js';

const MODULE = (kernel: string) => `/lib/modules/${kernel}/updates/dkms/rdma_rxe.ko.xz`;

describe('the Debian packages', () => {
  vi.setConfig({ testTimeout: 1_800_000, hookTimeout: 1_800_000 });
  useSweptLab();
  let tree: Built;
  beforeAll(async () => {
    tree = await buildPackages(cacheDir());
  });
  afterAll(() => tree?.remove());

  it('are two', () =>
    expect(tree.debs.map((deb) => deb.split('/').pop())).toEqual([
      expect.stringMatching(/^roam-rdma-dkms_[\d.]+_all\.deb$/),
      expect.stringMatching(/^roam-rdma-criu-plugin_[\d.]+_amd64\.deb$/),
    ]));

  it('say what is missing when the source of the kernel is', async () => {
    const install = 'apt-get -q update && apt-get -q install -y --no-install-recommends dkms';
    expect(await tree.run(install)).toMatchObject({ exitCode: 0 });
    // As after an upgrade that has brought the headers alone.
    const { exitCode, text } = await tree.run(
      `dpkg -i --force-depends /debs/roam-rdma-dkms_*.deb; cat /var/lib/dkms/roam-rdma/*/build/make.log; exit 3`,
    );
    expect(exitCode).toBe(3);
    expect(text).toMatch(
      /linux-source-\S+\.tar\.xz: no such kernel source; apt-get install linux-source-\S+=\S+/,
    );
  });

  it('build the module when the source comes, for the kernel that is installed', async () => {
    // What is broken is configured again here; the trigger is for a build that failed on its own.
    const { exitCode, text } = await tree.run(
      'apt-get -q install -y --no-install-recommends --fix-broken /debs/*.deb && dkms status && ls /usr/lib/criu',
    );
    expect(exitCode, text).toBe(0);
    expect(text).toMatch(
      new RegExp(`^roam-rdma/[\\d.]+, ${tree.kernel.replace(/[+.]/g, '\\$&')}, x86_64: installed`, 'm'),
    );
    expect(text).toMatch(/^roam_rdma_plugin\.so$/m);
    const info = await tree.run(`modinfo -k ${tree.kernel} rdma_rxe`);
    expect(info.text).toContain(`filename:       ${MODULE(tree.kernel)}`);
    expect(info.text).toMatch(/^version: +\d+\.\d+\.\d+$/m);
  });

  it('build the module again when a source comes later than the headers', async () => {
    const { exitCode, text } = await tree.run(
      `dkms uninstall roam-rdma/$(dkms status | sed 's/^roam-rdma.//; s/,.*//') -k ${tree.kernel} &&
       dpkg-trigger --by-package=roam-rdma-dkms /usr/src/linux-source-6.12.tar.xz && dpkg --configure --pending; dkms status`,
    );
    expect(exitCode, text).toBe(0);
    expect(text).toMatch(/: installed/);
  });

  it('give a module that a node loads by its name', async () => {
    const a = await node('a');
    const kernel = await script('a', 'uname -r');
    expect(kernel).toBe(tree.kernel);
    await a.exec(['mkdir', '-p', `/lib/modules/${kernel}/updates/dkms`]);
    await a.push(tree.file(`usr${MODULE(kernel)}`), MODULE(kernel));
    try {
      await script('a', 'rdma link delete rxe0; rmmod rdma_rxe; depmod -a; modprobe rdma_rxe', [], 120_000);
      expect(await script('a', 'cat /sys/module/rdma_rxe/version')).toMatch(/^\d+\.\d+\.\d+$/);
      expect(await script('a', 'rdma link add rxe0 type rxe netdev eth0; roam devinfo --json')).toContain(
        'rxe0',
      );
      expect(await script('a', 'cat /proc/sys/net/rdma_rxe/last_qpn')).toMatch(/^\d+$/);
    } finally {
      await script(
        'a',
        `rm -rf /lib/modules/${kernel}/updates; depmod -a; sh /usr/lib/roam/guest/load-rxe roam`,
        [],
        120_000,
      );
    }
  });
});
