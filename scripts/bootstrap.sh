#!/bin/sh
# Installs and builds what a source checkout needs to run the demo, the tests and the lab, on Debian
# 12 or 13. Does nothing, quickly, when all is there.
#   --no-install   only name what is missing; exit 1 when something is
#   --browser      also the browser that the report page is tested in
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
install=yes
browser=
for arg; do
	[ "$arg" = --no-install ] && install=no
	[ "$arg" = --browser ] && browser=chromium
done

say() { printf 'bootstrap: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
quietly() { # WHAT COMMAND...: shows the output only when the command fails
	what=$1; shift
	log=$(mktemp)
	if ! "$@" >"$log" 2>&1; then
		grep -i -A 5 -m 3 error "$log" >&2 || tail -n 20 "$log" >&2
		rm -f "$log"
		die "$what failed"
	fi
	rm -f "$log"
}

[ "$(uname -m)" = x86_64 ] || die "the lab needs an x86-64 machine, this is $(uname -m)"
command -v node >/dev/null || die 'Node.js 20 or newer is needed (Debian 13: apt-get install nodejs npm)'
[ "$(node -p 'parseInt(process.versions.node)')" -ge 20 ] || die "Node.js 20 or newer is needed, $(node -v) is installed"
command -v npm >/dev/null || die 'npm is needed (Debian 13: apt-get install npm)'

packages='qemu-system-x86 mmdebstrap debian-archive-keyring ca-certificates e2fsprogs iproute2 openssh-client
	xz-utils zstd g++ make python3 spin libibverbs-dev librdmacm-dev'
packages="$packages${browser:+ $browser}"
# Debian ships Node's headers apart; other builds of Node bring their own.
[ -e "$(node -p 'path.dirname(path.dirname(process.execPath))')/include/node/node_api.h" ] || packages="$packages libnode-dev"
missing=
for package in $packages; do
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
done

# True when a file below the given paths is newer than the stamp.
newer_than() {
	stamp=$1; shift
	[ ! -e "$stamp" ] || [ -n "$(find "$@" -newer "$stamp" -type f -print 2>/dev/null | head -n 1)" ]
}
npm_stale() { newer_than node_modules/.package-lock.json package-lock.json; }
dist_stale() { [ ! -e dist/bin/main.js ] || newer_than dist/.built src scripts/bundle.mjs tsconfig.json package-lock.json; }
addon_stale() {
	[ ! -e build/Release/roam_verbs.node ] || [ ! -e build/Release/roam_rdmacm.node ] ||
		newer_than build/Release/roam_sys.node binding.gyp native/sys native/util native/verbs native/rdmacm native/rxe-client native/include
}
cache=${ROAM_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/roam-rdma}
image_missing() { ! ls "$cache"/base-*/kernel >/dev/null 2>&1; }

if [ "$install" = no ]; then
	needs=
	for package in $missing; do needs="$needs
  Debian package $package"; done
	npm_stale && needs="$needs
  npm packages of package-lock.json (npm ci)"
	dist_stale && needs="$needs
  compiled TypeScript (npm run build)"
	addon_stale && needs="$needs
  native addons (npm run rebuild)"
	image_missing && needs="$needs
  guest image in $cache (made by the first lab, needs 2.5 GB and a Debian mirror)"
	[ -z "$needs" ] && exit 0
	printf 'missing:%s\n' "$needs" >&2
	exit 1
fi

if [ -n "$missing" ]; then
	command -v apt-get >/dev/null || die "install these first, with what this system has for apt-get:$missing"
	[ "$(id -u)" = 0 ] || die "these Debian packages are missing; as root: apt-get install$missing"
	say "installing Debian packages:$missing"
	export DEBIAN_FRONTEND=noninteractive
	quietly 'apt-get update' apt-get -q update
	# shellcheck disable=SC2086
	quietly 'apt-get install' apt-get -q install -y --no-install-recommends $missing
fi
if npm_stale; then
	say 'installing npm packages (npm ci)'
	quietly 'npm ci' npm ci --no-audit --no-fund
	touch node_modules/.package-lock.json
fi
if addon_stale; then
	say 'building the native addons'
	node scripts/install-addons.mjs --strict --build
fi
if dist_stale; then
	say 'compiling TypeScript'
	quietly 'tsc' npm run --silent build
	touch dist/.built
fi
# npx looks here for the package's own command.
[ -e node_modules/.bin/roam ] || ln -s ../../scripts/roam.mjs node_modules/.bin/roam
