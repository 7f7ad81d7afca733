import { execa } from 'execa';

/**
 * Enters the tree in mount and pid namespaces of its own, so that mounts and stray processes end
 * with the command. The tree itself is read-only: only /out and /tmp can be written.
 */
const ENTER = `set -e
tree=$1 src=$2 modules=$3 out=$4 linux=$5; shift 5
mount --make-rprivate /
mount --bind "$tree" "$tree"
mount -o remount,bind,ro "$tree"
mount -t tmpfs tmpfs "$tree/mnt"
mkdir -p "$tree/mnt/src" "$tree/mnt/out" "$tree/mnt/modules/node_modules"
: >"$tree/mnt/linux-source.tar.xz"
mount --bind "$linux" "$tree/mnt/linux-source.tar.xz"
mount --bind "$src" "$tree/mnt/src"
mount -o remount,bind,ro "$tree/mnt/src"
mount --bind "$modules" "$tree/mnt/modules/node_modules"
mount -o remount,bind,ro "$tree/mnt/modules/node_modules"
mount --bind "$out" "$tree/mnt/out"
mount -t tmpfs tmpfs "$tree/tmp"
mount -t proc proc "$tree/proc"
mount --bind /dev "$tree/dev"
exec chroot "$tree" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LC_ALL=C.UTF-8 "$@"
`;

/** Where the command of {@link buildInTree} finds the sources and the node_modules that the package uses (both
 * read-only), leaves its results, and finds the kernel's source. */
export const SRC = '/mnt/src';
// Under that name, or what is in there would not find each other.
export const MODULES = '/mnt/modules/node_modules';
export const OUT = '/mnt/out';
export const LINUX_SOURCE = '/mnt/linux-source.tar.xz';

/** Runs a build command natively inside a Debian tree; rejects with execa's error, `all` is the log. */
export function buildInTree(options: {
  tree: string;
  src: string;
  modules: string;
  out: string;
  linuxSource: string;
  command: string[];
  signal: AbortSignal | undefined;
}): Promise<{ all?: string }> {
  const { tree, src, modules, out, linuxSource, command, signal } = options;
  return execa(
    // Ends with its starter, and takes what it started along.
    'setpriv',
    [
      '--pdeathsig',
      'KILL',
      'unshare',
      '--mount',
      '--pid',
      '--fork',
      '--kill-child',
      'sh',
      '-c',
      ENTER,
      'sh',
      tree,
      src,
      modules,
      out,
      linuxSource,
      ...command,
    ],
    { all: true, stdin: 'ignore', cancelSignal: signal },
  );
}
