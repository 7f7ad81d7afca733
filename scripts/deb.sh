#!/bin/sh
# deb.sh OUT: makes roam-rdma-dkms (the module, as sources that DKMS builds for each kernel) and
# roam-rdma-criu-plugin in the directory OUT. Runs on Debian 13, with build-essential, libcriu-dev
# and libibverbs-dev; `npm run deb` runs it in the lab's Debian tree, on any machine that has a lab.
set -eu

die() { echo "deb.sh: $*" >&2; exit 1; }

[ $# -eq 1 ] || die 'usage: deb.sh OUT'
mkdir -p "$1"
out=$(cd "$1" && pwd)
root=$(cd "$(dirname "$0")/.." && pwd)
rxe=$root/native/rxe
for tool in dpkg-deb dpkg-shlibdeps make gcc; do
	command -v "$tool" >/dev/null || die "$tool is missing; apt-get install build-essential"
done
[ -e /usr/include/criu/criu-plugin.h ] || die 'the header of CRIU plugins is missing; apt-get install libcriu-dev (Debian 13)'

version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' "$root/package.json")
# What a user sees of the version comes from three places.
[ "$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$rxe/dkms.conf")" = "$version" ] || die "dkms.conf has not version $version"
grep -q "RXE_MIGR_VERSION	\"$version\"" "$rxe/rxe_migrate.h" || die "rxe_migrate.h has not version $version"
series=$(sed -n 's/^\([0-9.]*\) .*/\1/p' "$rxe/patches/kernels")
regexp="^($(echo "$series" | sed 's/\./\\./g' | paste -s -d '|'))\\."
[ "$(sed -n 's/^BUILD_EXCLUSIVE_KERNEL="\(.*\)"/\1/p' "$rxe/dkms.conf")" = "$regexp" ] ||
	die "dkms.conf and patches/kernels name different kernels; BUILD_EXCLUSIVE_KERNEL has to be $regexp"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

control() { # PACKAGE ARCHITECTURE DEPENDS RECOMMENDS DESCRIPTION LONG
	mkdir -p "$work/$1/DEBIAN" "$work/$1/usr/share/doc/$1"
	cp "$root/LICENSE" "$work/$1/usr/share/doc/$1/copyright"
	cat >"$work/$1/DEBIAN/control" <<END
Package: $1
Version: $version
Architecture: $2
Section: net
Priority: optional
Maintainer: the roam-rdma authors <roam-rdma@localhost>
Depends: $3
Recommends: $4
Description: $5
 $6
END
}
pack() { # PACKAGE ARCHITECTURE
	chmod -R u=rwX,go=rX "$work/$1"
	dpkg-deb --root-owner-group --build "$work/$1" "$out/$1_${version}_$2.deb" >/dev/null
	echo "$out/$1_${version}_$2.deb"
}

sources=$(for one in $series; do printf 'linux-source-%s | ' "$one"; done)
control roam-rdma-dkms all "dkms (>= 3), patch, make, gcc, xz-utils, ${sources}linux-source" linux-headers-amd64 \
	'rdma_rxe (SoftRoCE) with live migration' \
	'DKMS builds it for each kernel from that kernel'\''s linux-source package.'
tree=$work/roam-rdma-dkms/usr/src/roam-rdma-$version
mkdir -p "$tree"
cp -r "$rxe"/* "$root/native/include/roam_rxe.h" "$tree/"
# Its sources may arrive after the headers of a kernel, whose build has failed for the want of them.
for one in $series; do
	echo "interest-noawait /usr/src/linux-source-$one.tar.xz" >>"$work/roam-rdma-dkms/DEBIAN/triggers"
done
cat >"$work/roam-rdma-dkms/DEBIAN/postinst" <<END
#!/bin/sh
set -e
case \$1 in
configure) /usr/lib/dkms/common.postinst roam-rdma $version "" "" "\$2" ;;
triggered)
	for build in /lib/modules/*/build; do
		[ ! -e "\$build/include" ] || dkms autoinstall -k "\$(basename "\$(dirname "\$build")")" || :
	done
	;;
esac
END
cat >"$work/roam-rdma-dkms/DEBIAN/prerm" <<END
#!/bin/sh
set -e
[ ! -e /var/lib/dkms/roam-rdma/$version ] || dkms remove -m roam-rdma -v $version --all
END
chmod 755 "$work/roam-rdma-dkms/DEBIAN/postinst" "$work/roam-rdma-dkms/DEBIAN/prerm"
pack roam-rdma-dkms all

make -s -C "$root/native/criu-plugin" install OUT="$work/plugin" DESTDIR="$work/roam-rdma-criu-plugin"
strip --strip-unneeded "$work/roam-rdma-criu-plugin/usr/lib/criu/roam_rdma_plugin.so"
mkdir -p "$work/debian" "$work/roam-rdma-criu-plugin/DEBIAN"
: >"$work/debian/control"
depends=$(cd "$work" && dpkg-shlibdeps -O roam-rdma-criu-plugin/usr/lib/criu/roam_rdma_plugin.so | sed 's/^shlibs:Depends=//')
control roam-rdma-criu-plugin "$(dpkg --print-architecture)" "criu (>= 4), $depends" roam-rdma-dkms \
	'CRIU plugin that dumps and restores processes with RDMA' \
	'For devices of the rdma_rxe module of roam-rdma-dkms.'
pack roam-rdma-criu-plugin "$(dpkg --print-architecture)"
