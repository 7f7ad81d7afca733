import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { packageRoot } from '../../package-root.js';
import type { BaseImage } from './base.js';

/**
 * What mounting the disks takes, then what init would load anyway: unpacked here once, because
 * unpacking xz under emulation costs a second per megabyte. Dependencies come from modules.dep.
 */
const MODULES = [
  'crc32c_generic',
  'virtio_blk',
  'ext4',
  'virtio_net',
  'rdma_ucm',
  'udp_tunnel',
  'ip6_udp_tunnel',
];

const PACK = `set -e
cd "$1"; tree=$2; release=$3; out=$4; shift 4
mkdir -p bin dev proc root modules
cp "$tree/usr/bin/busybox" bin/busybox
bin/busybox --install -s bin 2>/dev/null
for applet in bin/*; do [ -L "$applet" ] && ln -sf busybox "$applet"; done
for file; do
	name=$(basename "$file" .xz)
	xz -dc "$tree/lib/modules/$release/$file" >"modules/$name"
	echo "$name" >>modules/order
done
find . | bin/busybox cpio -o -H newc 2>/dev/null | gzip -1 >"$out"
`;

/** Packs the initramfs: busybox, our init, and the modules that the disks need, in load order. */
export async function makeInitramfs(base: BaseImage, out: string): Promise<void> {
  const dep = await readFile(path.join(base.tree, 'lib/modules', base.kernel, 'modules.dep'), 'utf8');
  const scratch = await mkdtemp(path.join(tmpdir(), 'roam-initramfs-'));
  try {
    const init = await readFile(path.join(packageRoot, 'src/lab/guest/initramfs-init'));
    await writeFile(path.join(scratch, 'init'), init, { mode: 0o755 });
    await execa('sh', ['-c', PACK, 'sh', scratch, base.tree, base.kernel, out, ...loadOrder(dep, MODULES)]);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Files of the modules and of what they depend on, dependencies first. Built-in ones have no file. */
export function loadOrder(modulesDep: string, wanted: string[]): string[] {
  const order = new Set<string>();
  for (const name of wanted) {
    const line = modulesDep.split('\n').find((l) => l.split(':')[0]?.endsWith(`/${name}.ko.xz`));
    if (!line) continue;
    const [file, deps] = line.split(':') as [string, string];
    // modules.dep lists the nearest dependency first.
    for (const dep of deps.trim().split(/\s+/).filter(Boolean).reverse()) order.add(dep);
    order.add(file);
  }
  return [...order];
}
