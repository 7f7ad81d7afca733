#!/bin/sh
# debug-kernel.sh: builds Debian's kernel source with KASAN, lockdep and the
# like (debug-kernel/config), and rdma_rxe for it, ours and the stock one, into
# the lab's cache.  Then:
#   ROAM_LAB_DEBUG_KERNEL=1 roam lab up --nodes 2
# The kernel takes a quarter of an hour on two processors, once; the module a minute, each
# time that its sources change.  Needs the guest image (roam lab up) and Debian's
# build-essential bc bison flex libelf-dev libssl-dev xz-utils.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cache=${ROAM_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/roam-rdma}

die() { echo "debug-kernel.sh: $*" >&2; exit 1; }

for tool in gcc make bc bison flex xz; do
	command -v $tool >/dev/null || die "$tool is missing: apt-get install build-essential bc bison flex libelf-dev libssl-dev xz-utils"
done
tar=$(ls "$cache"/base-*/linux-source.tar.xz 2>/dev/null | head -n 1)
[ -n "$tar" ] || die "no kernel source in $cache: boot a lab once (roam lab up)"

mkdir -p "$cache/debug-kernel"
# Physical: a build directory knows where it is.
dir=$(cd "$cache/debug-kernel" && pwd -P)
source=$dir/linux-source-6.12 out=$dir/out
[ -d "$source" ] || tar -xf "$tar" -C "$dir"

run() { nice -n 19 make -s -C "$source" O="$out" ARCH=x86_64 "$@" >"$dir/build.log" 2>&1 || { tail -n 20 "$dir/build.log" >&2; die "make $* failed, see $dir/build.log"; }; }

if ! cmp -s "$here/debug-kernel/config" "$dir/config" || [ ! -e "$dir/vmlinux" ]; then
	echo "building the kernel in $out"
	mkdir -p "$out"
	run tinyconfig
	cat "$here/debug-kernel/config" >>"$out/.config"
	run olddefconfig
	run -j"$(nproc)" vmlinux modules
	cp "$out/vmlinux" "$dir/vmlinux"
	cp "$here/debug-kernel/config" "$dir/config"
fi

echo "building rdma_rxe for it"
# Objects with lines: what KASAN reports is looked up with addr2line.
KCFLAGS=-g nice -n 19 sh "$here/../native/rxe/build.sh" "$source" "$out" "$dir/module"
initramfs=$(mktemp -d)
trap 'rm -rf "$initramfs"' EXIT
mkdir "$initramfs/module" "$initramfs/modules"
# In place of Debian's, of which this kernel needs none.
: >"$initramfs/modules/order"
strip --strip-debug -o "$initramfs/module/rdma_rxe.ko" "$dir/module/rdma_rxe.ko"
strip --strip-debug -o "$initramfs/module/stock.ko" "$out/drivers/infiniband/sw/rxe/rdma_rxe.ko"
busybox=$(dirname "$tar")/tree/usr/bin/busybox
(cd "$initramfs" && find . | "$busybox" cpio -o -H newc 2>/dev/null | gzip -1) >"$dir/modules.cpio.gz"
echo "done: ROAM_LAB_DEBUG_KERNEL=1 roam lab up"
