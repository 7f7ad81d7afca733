#!/bin/sh
# The client, which stays connected or says in its log why not: client.sh LOG
export HOME="${1%/*}/home"
mkdir -p "$HOME"
exec /usr/libexec/luanti/luanti --go --address 10.0.1.7 --port 30000 --name traveller --config "$(dirname "$0")/client.conf" --logfile "$1" --info >/dev/null 2>&1
