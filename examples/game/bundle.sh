#!/bin/sh
# Makes the bundle /containers/game on this host: its system is the host's own /usr, read only, and what the server
# writes lies on a tmpfs, which moves with it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=/containers/game/rootfs
rm -rf /containers/game
mkdir -p $root/usr $root/proc $root/dev $root/tmp $root/game
for dir in bin sbin lib lib64; do ln -s usr/$dir $root/$dir; done
cp -r "$here/world" "$here/server.conf" $root/game/
cp "$here/config.json" /containers/game/
