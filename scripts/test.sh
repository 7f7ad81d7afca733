#!/bin/sh
# npm test: builds what is missing, then runs every test, or only the named steps:
#   npm test -- lint unit native lab
set -eu
here=$(cd "$(dirname "$0")" && pwd)
sh "$here/bootstrap.sh" "$@"
for arg; do
	shift
	[ "$arg" = --no-install ] || set -- "$@" "$arg"
done
exec node "$here/run-tests.mjs" "$@"
