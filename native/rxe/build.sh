#!/bin/sh
# build.sh SOURCE KERNEL OUT: builds rdma_rxe.ko with live migration.
#   SOURCE  linux-source-X.Y.tar.xz of Debian's linux-source package, a directory
#           that holds its Makefile and drivers/infiniband, or "installed": that
#           tarball of the headers' version in /usr/src
#   KERNEL  release to build for; /lib/modules/KERNEL/build must exist. Or a
#           directory in which that kernel was built
#   OUT     directory for rdma_rxe.ko (made when missing)
# Runs on the machine (or in the root tree) whose kernel headers are used.
set -eu

die() { echo "build.sh: $*" >&2; exit 1; }

[ $# -eq 3 ] || die "usage: build.sh SOURCE KERNEL OUT"
source=$1 kernel=$2 out=$3
here=$(cd "$(dirname "$0")" && pwd)
case $kernel in
*/*) headers=$kernel ;;
*) headers=/lib/modules/$kernel/build ;;
esac
sub=drivers/infiniband

[ -d "$headers" ] || die "$headers: no headers; install linux-headers-$kernel"
command -v patch >/dev/null || die "patch is missing; install Debian's patch package"
version=$(make -s -C "$headers" kernelversion 2>/dev/null | tail -n 1)
series=$(echo "$version" | cut -d. -f1,2)

# Debian's version of what is built for, when dpkg knows: the source has to come from the same package.
package=linux-source-$series
debian=$(dpkg-query -W -f '${Version}' "linux-headers-$kernel" 2>/dev/null) && package="$package=$debian"

known=$(sed -n 's/^\([0-9.]*\) [0-9.]* \(.*\)/\1 (\2)/p' "$here/patches/kernels" | paste -s -d , | sed 's/,/, /g')
tried=$(sed -n "s/^$series \([0-9.]*\) .*/\1/p" "$here/patches/kernels")
[ -n "$tried" ] ||
	die "$kernel is Linux $version, and the patches are for Linux $known: boot one of those kernels, with its headers and its linux-source package"

[ "$source" != installed ] || source=/usr/src/linux-source-$series.tar.xz
[ -e "$source" ] || die "$source: no such kernel source; apt-get install $package"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

if [ -d "$source" ]; then
	mkdir -p "$work/$sub/sw"
	cp "$source/Makefile" "$work/"
	cp -r "$source/$sub/core" "$work/$sub/"
	cp -r "$source/$sub/sw/rxe" "$work/$sub/sw/"
else
	tar -xf "$source" -C "$work" --strip-components=1 --wildcards --no-wildcards-match-slash \
		'*/Makefile' "*/$sub/core/*.h" "*/$sub/sw/rxe/*"
fi
has=$(sed -n 's/^\(VERSION\|PATCHLEVEL\|SUBLEVEL\) = //p' "$work/Makefile" | paste -s -d .)
[ "$has" = "$version" ] ||
	die "$source is Linux $has, and the headers of $kernel are Linux $version; apt-get install $package"

# A patch for some kernels alone says so in its head: "Applies-to: 6.12 6.18".
applies() {
	only=$(sed -n '/^--- /q; s/^Applies-to: *//p' "$1")
	case " ${only:-$series} " in *" $series "*) return 0 ;; esac
	return 1
}

rxe=$work/$sub/sw/rxe
for p in "$here"/patches/*.patch; do
	applies "$p" || continue
	if ! log=$(patch -d "$work" -p1 --forward --fuzz=0 --no-backup-if-mismatch <"$p" 2>&1); then
		echo "$log" >&2
		file=$(echo "$log" | sed -n '/FAILED/!s/^patching file //p' | tail -n 1)
		hunk=$(echo "$log" | sed -n 's/^\(Hunk #[0-9]* FAILED at [0-9]*\).*/\1/p' | head -n 1)
		die "$(basename "$p") does not apply to ${file:-this source} of Linux $version: ${hunk:-see above}. The patches were tried with Linux $tried: boot that kernel, with its headers and linux-source package, or take a newer roam-rdma"
	fi
done
cp "$here"/rxe_migrate*.c "$here"/rxe_migrate*.h "$rxe/"
# Beside this script where the module is packaged alone.
for uapi in "$here/roam_rxe.h" "$here/../include/roam_rxe.h"; do
	[ ! -e "$uapi" ] || cp "$uapi" "$rxe/"
done

make -s -C "$headers" M="$rxe" CONFIG_RDMA_RXE=m KBUILD_MODPOST_WARN= modules >"$work/log" 2>&1 || {
	cat "$work/log" >&2
	die "the module does not compile for $kernel"
}
grep -E 'warning:|WARNING' "$work/log" >&2 || :
mkdir -p "$out"
cp "$rxe/rdma_rxe.ko" "$out/rdma_rxe.ko"
echo "$out/rdma_rxe.ko"
