#!/bin/sh
# npm test: builds what is missing, then runs every test, or only the named steps:
#   npm test -- lint unit native browser prove lab
set -eu
here=$(cd "$(dirname "$0")" && pwd)
flags=
for arg; do
	shift
	case $arg in
	--no-install) flags=$arg ;;
	*) set -- "$@" "$arg" ;;
	esac
done
case "$#:$*" in 0:* | *browser*) flags="$flags --browser" ;; esac
# shellcheck disable=SC2086
sh "$here/bootstrap.sh" $flags
exec node "$here/run-tests.mjs" "$@"
