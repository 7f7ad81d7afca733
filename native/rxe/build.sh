#!/bin/sh
# build.sh SOURCE KERNEL OUT: builds rdma_rxe.ko with live migration.
#   SOURCE  linux-source-X.Y.tar.xz of Debian's linux-source package, or a
#           directory that holds its drivers/infiniband
#   KERNEL  release to build for; /lib/modules/KERNEL/build must exist
#   OUT     directory for rdma_rxe.ko (made when missing)
# Runs on the machine (or in the root tree) whose kernel headers are used.
set -eu

die() { echo "build.sh: $*" >&2; exit 1; }

[ $# -eq 3 ] || die "usage: build.sh SOURCE KERNEL OUT"
source=$1 kernel=$2 out=$3
here=$(cd "$(dirname "$0")" && pwd)
headers=/lib/modules/$kernel/build
sub=drivers/infiniband

[ -e "$source" ] || die "$source: no such kernel source; install Debian's linux-source package"
[ -d "$headers" ] || die "$headers: no headers; install linux-headers-$kernel"
command -v patch >/dev/null || die "patch is missing; install Debian's patch package"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

if [ -d "$source" ]; then
	mkdir -p "$work/$sub/sw"
	cp -r "$source/$sub/core" "$work/$sub/"
	cp -r "$source/$sub/sw/rxe" "$work/$sub/sw/"
else
	tar -xf "$source" -C "$work" --strip-components=1 --wildcards \
		"*/$sub/core/*.h" "*/$sub/sw/rxe/*"
fi

rxe=$work/$sub/sw/rxe
for p in "$here"/patches/*.patch; do
	if ! log=$(patch -d "$work" -p1 --forward --fuzz=0 --no-backup-if-mismatch <"$p" 2>&1); then
		echo "$log" >&2
		file=$(echo "$log" | sed -n '/FAILED/!s/^patching file //p' | tail -n 1)
		hunk=$(echo "$log" | sed -n 's/^\(Hunk #[0-9]* FAILED at [0-9]*\).*/\1/p' | head -n 1)
		die "$(basename "$p") does not apply to ${file:-this source}: ${hunk:-see above}"
	fi
done
cp "$here"/rxe_migrate*.c "$here"/rxe_migrate*.h "$here/../include/roam_rxe.h" "$rxe/"

make -s -C "$headers" M="$rxe" CONFIG_RDMA_RXE=m KBUILD_MODPOST_WARN= modules >"$work/log" 2>&1 || {
	cat "$work/log" >&2
	die "the module does not compile for $kernel"
}
grep -E 'warning:|WARNING' "$work/log" >&2 || :
mkdir -p "$out"
cp "$rxe/rdma_rxe.ko" "$out/rdma_rxe.ko"
echo "$out/rdma_rxe.ko"
