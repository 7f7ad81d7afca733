// The Debian packages of module and plugin, installed in a copy of the guest's tree.
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const BUILD_MS = 1_800_000;

/** Runs in namespaces of its own over a tree: what is written goes to a directory of the caller's. */
const ENTER = `set -e
lower=$1 over=$2 debs=$3; shift 3
mount --make-rprivate /
mkdir -p "$over/upper" "$over/work" "$over/tree"
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$over/upper,workdir=$over/work" "$over/tree"
tree=$over/tree
mkdir -p "$tree/debs"
mount --bind "$debs" "$tree/debs"
mount -t proc proc "$tree/proc"
mount --bind /dev "$tree/dev"
cp -L /etc/resolv.conf "$tree/etc/resolv.conf"
exec chroot "$tree" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
`;

export interface Built {
  /** Kernel of the tree. */
  kernel: string;
  /** What `sh -c` in the tree wrote: both streams, and the exit code. */
  run(script: string): Promise<{ exitCode: number; text: string }>;
  /** A file that was written in the tree. */
  file(name: string): string;
  debs: string[];
  remove(): Promise<void>;
}

/** Makes the packages, and an empty layer over the tree of the image in the cache. */
export async function buildPackages(cache: string): Promise<Built> {
  const made = await execa('node', ['scripts/deb.mjs'], { cwd: ROOT, timeout: BUILD_MS });
  const debs = made.stdout.split('\n').filter((line) => line.endsWith('.deb'));
  const base = (await readdir(cache)).find((name) => name.startsWith('base-') && !name.includes('.'));
  if (!base) throw new Error(`no image in ${cache}`);
  const tree = path.join(cache, base, 'tree');
  const layer = await mkdtemp(path.join(tmpdir(), 'roam-debs-'));
  await mkdir(path.join(layer, 'upper'));
  return {
    kernel: await readFile(path.join(cache, base, 'kernel'), 'utf8'),
    debs,
    file: (name) => path.join(layer, 'upper', name),
    async run(script) {
      const enter = ['--mount', '--pid', '--fork', '--kill-child', 'sh', '-c', ENTER, 'sh'];
      const argv = [...enter, tree, layer, path.join(ROOT, 'build/deb'), 'sh', '-c', script];
      const { exitCode, all } = await execa('setpriv', ['--pdeathsig', 'KILL', 'unshare', ...argv], {
        all: true,
        reject: false,
        stdin: 'ignore',
        timeout: BUILD_MS,
      });
      return { exitCode: exitCode ?? -1, text: all ?? '' };
    },
    remove: () => rm(layer, { recursive: true, force: true }),
  };
}
