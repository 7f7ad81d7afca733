import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { LabError } from '../../errors.js';
import { cacheDir, hashInputs, pruneCache, withCacheLock } from '../cache.js';
import { ROOT_DISK_SIZE, writeRootDisk } from './disk.js';

const SUITE = 'trixie';
const MIRROR = process.env.ROAM_DEBIAN_MIRROR ?? 'http://deb.debian.org/debian';
const BACKPORTS = `${SUITE}-backports`;

/** Whose kernel a lab boots: the suite's own, or the newest of its backports. */
export const KERNELS = ['stable', 'backports'] as const;
export type KernelChoice = (typeof KERNELS)[number];

/** Prefix of the image in the cache. */
const IMAGES: Record<KernelChoice, string> = { stable: 'base-', backports: 'backports-base-' };

const PACKAGES = [
  'linux-image-amd64 linux-headers-amd64 kmod udev procps psmisc busybox-static',
  'rdma-core ibverbs-utils perftest rdmacm-utils python3-pyverbs libibverbs-dev librdmacm-dev',
  'criu libcriu-dev runc crun nodejs libnode-dev python3 build-essential',
  'iproute2 iputils-ping nftables iptables ethtool tcpdump openssh-server openssh-client rsync',
  'ca-certificates strace zstd xz-utils',
].flatMap((line) => line.split(' '));

/** Done in the finished tree: one key pair and one host key for all nodes of all labs on this machine. */
const CUSTOMIZE = `set -e
cd "$1"
chroot . sh -c 'cd /tmp && kernel=$(ls /lib/modules) &&
  apt-get download "linux-source-\${kernel%.*}=$(dpkg-query -W -f "\\\${Version}" "linux-image-$kernel")"'
mv tmp/linux-source-*.deb ../
mkdir -p -m 700 root/.ssh
ssh-keygen -q -t ed25519 -N '' -C lab -f root/.ssh/id_ed25519
cp root/.ssh/id_ed25519.pub root/.ssh/authorized_keys
rm -f etc/ssh/ssh_host_ecdsa_key* etc/ssh/ssh_host_rsa_key*
printf '* %s\\n' "$(cut -d' ' -f1-2 etc/ssh/ssh_host_ed25519_key.pub)" >etc/ssh/ssh_known_hosts
printf 'UsePAM no\\nUseDNS no\\nPrintMotd no\\nMaxStartups 100\\nMaxSessions 100\\n' >etc/ssh/sshd_config.d/lab.conf
mkdir -p usr/lib/roam
`;

/** Done before anything is installed: only the kernel, and what is built with it, is taken from the backports. */
const PIN_KERNEL = `set -e
echo 'deb ${MIRROR} ${BACKPORTS} main' >"$1/etc/apt/sources.list.d/backports.list"
printf 'Package: src:linux src:linux-signed-amd64 linux-base\\nPin: release n=${BACKPORTS}\\nPin-Priority: 600\\n' \\
	>"$1/etc/apt/preferences.d/kernel"
`;

/** What a built base image consists of; all paths are in the cache. */
export interface BaseImage {
  /** Kernel release, such as `6.12.107+deb13-amd64`. */
  kernel: string;
  dir: string;
  /** Root tree: a Debian to build in with chroot. */
  tree: string;
  rootDisk: string;
  vmlinuz: string;
  /** The kernel's source as Debian ships it, .tar.xz. */
  linuxSource: string;
}

/**
 * Gives the Debian root disk, kernel and kernel source, and makes them when the cache has none
 * (about two minutes, 2.5 GB).
 *
 * @throws LabError when not root, or when Debian's tools fail; the log is kept in the cache.
 */
export async function ensureBase(
  choice: KernelChoice,
  onProgress: (message: string) => void,
  signal?: AbortSignal,
): Promise<BaseImage> {
  const inputs = [SUITE, MIRROR, ROOT_DISK_SIZE, CUSTOMIZE, ...PACKAGES];
  if (choice === 'backports') inputs.push(PIN_KERNEL);
  const name = `${IMAGES[choice]}${await hashInputs(inputs)}`;
  const dir = path.join(cacheDir(), name);
  const describe = async (): Promise<BaseImage | undefined> => {
    const kernel = await readFile(path.join(dir, 'kernel'), 'utf8').catch(() => undefined);
    if (!kernel) return undefined;
    return {
      kernel,
      dir,
      tree: path.join(dir, 'tree'),
      rootDisk: path.join(dir, 'root.ext4'),
      vmlinuz: path.join(dir, 'tree/boot', `vmlinuz-${kernel}`),
      linuxSource: path.join(dir, 'linux-source.tar.xz'),
    };
  };
  const ready = await describe();
  if (ready) return ready;
  if (process.getuid?.() !== 0)
    throw new LabError('building the lab image needs root', {
      code: 'LAB_NEEDS_ROOT',
      remedy: 'run the command as root (sudo)',
    });

  return withCacheLock('base', async () => {
    const meanwhile = await describe();
    if (meanwhile) return meanwhile;
    const scratch = `${dir}.new`;
    await rm(scratch, { recursive: true, force: true });
    await mkdir(scratch, { recursive: true });
    await makeTree(choice, scratch, onProgress, signal);
    await makeDisk(scratch, onProgress);
    await rename(scratch, dir);
    await pruneCache(IMAGES[choice], [name], 0);
    return (await describe()) as BaseImage;
  });
}

async function makeTree(
  choice: KernelChoice,
  dir: string,
  onProgress: (message: string) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  const from = choice === 'backports' ? BACKPORTS : SUITE;
  onProgress(`guest image: installing Debian ${SUITE}, kernel of ${from}, from ${MIRROR} (about 90 s)`);
  const hook = async (kind: string, script: string): Promise<string> => {
    const file = path.join(dir, kind);
    await writeFile(file, `#!/bin/sh\n${script}`, { mode: 0o755 });
    return `--${kind}-hook=${file}`;
  };
  const log = path.join(cacheDir(), 'base-build.log');
  await execa(
    'mmdebstrap',
    [
      '--variant=minbase',
      '--components=main',
      '--aptopt=Acquire::Retries "3"',
      `--include=${PACKAGES.join(',')}`,
      ...(choice === 'backports' ? [await hook('setup', PIN_KERNEL)] : []),
      await hook('customize', CUSTOMIZE),
      SUITE,
      path.join(dir, 'tree'),
      MIRROR,
    ],
    { all: true, cancelSignal: signal, env: { DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' } },
  ).then(
    ({ all }) => writeFile(log, all),
    async (error) => {
      await writeFile(log, String(error.all ?? error.message));
      throw new LabError(`making the Debian tree failed: ${firstError(error.all) ?? error.shortMessage}`, {
        code: 'LAB_IMAGE',
        remedy: `see ${log}; mmdebstrap, debian-archive-keyring and a route to ${MIRROR} are needed`,
        cause: error,
      });
    },
  );
}

function firstError(log: unknown): string | undefined {
  return String(log ?? '')
    .split('\n')
    .find((line) => line.startsWith('E: '))
    ?.slice(3);
}

async function makeDisk(dir: string, onProgress: (message: string) => void): Promise<void> {
  onProgress('guest image: writing the root disk (about 15 s)');
  const tree = path.join(dir, 'tree');
  const kernels = await readdir(path.join(tree, 'lib/modules'));
  const kernel = kernels.sort().at(-1);
  if (!kernel) throw new LabError('the Debian tree has no kernel', { code: 'LAB_IMAGE' });
  const deb = (await readdir(dir)).find((file) => file.startsWith('linux-source-'));
  if (!deb) throw new LabError('the kernel source package was not downloaded', { code: 'LAB_IMAGE' });
  const version = /^linux-source-([\d.]+)_/.exec(deb)?.[1];
  await execa(
    'sh',
    [
      '-c',
      'set -e; dpkg-deb --fsys-tarfile "$1" | tar -xO "./usr/src/linux-source-$2.tar.xz" >"$3"; rm "$1"',
      'sh',
      path.join(dir, deb),
      String(version),
      path.join(dir, 'linux-source.tar.xz'),
    ],
    { env: { LC_ALL: 'C' } },
  );
  const disk = path.join(dir, 'root.ext4');
  await writeRootDisk(tree, disk);
  await stat(disk);
  await writeFile(path.join(dir, 'kernel'), kernel);
}
