// Root disks with more on them than most nodes need: the base's own tree, and some packages.
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { LabError } from '../../errors.js';
import { cacheDir, hashInputs, pruneCache, withCacheLock } from '../cache.js';
import type { BaseImage } from './base.js';
import { writeRootDisk } from './disk.js';

/** What a lab may ask for, and the packages that it takes. */
const EXTRAS: Record<string, string[]> = {
  docker: ['docker.io', 'docker-cli'],
  // A server of a game, and a client that needs no screen.
  game: ['luanti-server', 'luanti', 'luanti-game-minetest'],
  podman: ['podman', 'crun', 'netavark', 'runc'],
  mpi: ['openmpi-bin', 'libopenmpi-dev', 'hpcc'],
};

/** Nothing of it starts: no service is to run while packages are installed. */
const INSTALL = `set -e
tree=$1; shift
cp /etc/resolv.conf "$tree/etc/resolv.conf"
printf '#!/bin/sh\\nexit 101\\n' >"$tree/usr/sbin/policy-rc.d"
chmod 755 "$tree/usr/sbin/policy-rc.d"
mount -t proc proc "$tree/proc"
mount --bind /dev "$tree/dev"
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
chroot "$tree" apt-get -qq update
chroot "$tree" apt-get -qq -y -o Acquire::Retries=3 install --no-install-recommends "$@"
rm -rf "$tree/usr/sbin/policy-rc.d" "$tree"/var/lib/apt/lists/* "$tree"/var/cache/apt/*.bin
umount "$tree/dev" "$tree/proc"
`;

/**
 * The base with what `name` stands for on its root disk; made when the cache has none (about a minute).
 *
 * @throws LabError when there is no such extra, when not root, or when Debian's tools fail
 */
export async function withExtra(
  base: BaseImage,
  name: string,
  onProgress: (message: string) => void,
  signal?: AbortSignal,
): Promise<BaseImage> {
  const packages = EXTRAS[name];
  if (!packages)
    throw new LabError(`there is no '${name}' to put on a node`, {
      code: 'LAB_EXTRA',
      remedy: `use ${Object.keys(EXTRAS).join(', ')}`,
    });
  const prefix = `extra-${name}-`;
  const entry = `${prefix}${await hashInputs([path.basename(base.dir), INSTALL, ...packages])}`;
  const dir = path.join(cacheDir(), entry);
  const image = { ...base, rootDisk: path.join(dir, 'root.ext4') };
  const isReady = () =>
    stat(image.rootDisk).then(
      () => true,
      () => false,
    );
  if (await isReady()) return image;
  if (process.getuid?.() !== 0)
    throw new LabError('building the lab image needs root', {
      code: 'LAB_NEEDS_ROOT',
      remedy: 'run the command as root (sudo)',
    });
  return withCacheLock(`extra-${name}`, async () => {
    if (await isReady()) return image;
    onProgress(`guest image: installing ${packages.join(', ')} (about a minute)`);
    const scratch = `${dir}.new`;
    await rm(scratch, { recursive: true, force: true });
    await mkdir(scratch, { recursive: true });
    const tree = path.join(scratch, 'tree');
    try {
      await execa('cp', ['-a', '--reflink=auto', base.tree, tree], { cancelSignal: signal });
      // In a mount namespace: whatever happens, nothing stays mounted in the cache.
      const enter = ['--mount', '--pid', '--fork', '--kill-child', 'sh', '-c', INSTALL, 'sh', tree];
      await execa('unshare', [...enter, ...packages], { all: true, stdin: 'ignore', cancelSignal: signal });
      await writeRootDisk(tree, path.join(scratch, 'root.ext4'));
      await rm(tree, { recursive: true });
    } catch (error) {
      await rm(scratch, { recursive: true, force: true });
      const words = String((error as { all?: string }).all ?? error);
      throw new LabError(
        `installing ${packages.join(', ')} failed: ${words.split('\n').slice(-8).join('\n')}`,
        {
          code: 'LAB_IMAGE',
          cause: error,
        },
      );
    }
    await rename(scratch, dir);
    await pruneCache(prefix, [entry], 0);
    return image;
  });
}
