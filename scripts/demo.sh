#!/bin/sh
# npm run demo: builds what is missing, then moves a running ib_send_bw between two nodes of a lab.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
sh "$here/bootstrap.sh" "$@"
for arg; do # bootstrap's own option; what it asks for is there now
	shift
	[ "$arg" = --no-install ] || set -- "$@" "$arg"
done
exec node "$here/roam.mjs" demo "$@"
