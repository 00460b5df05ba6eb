#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# rootless-net.sh - an ordinary user's container has a network: pasta(1), chosen by itself.
. "$(dirname "$0")/lib.sh"

U=$T/user
mkdir -p "$U"/{b,state,run,spec}
cp -a "$T/rootfs" "$U/b/rootfs"
chown -R 1000:1000 "$U"
chmod 755 "$T"
needs 'user namespaces are not open to users here' setpriv --reuid 1000 --regid 1000 --clear-groups unshare -Ur true
needs 'pasta (package passt) is not installed' test -x /usr/bin/pasta
needs 'there is no /dev/net/tun here' test -c /dev/net/tun
# udev makes it one for everybody; a bare /dev may not
[ "$(stat -c %a /dev/net/tun)" = 666 ] || { mknod -m 666 "$T/tun" c 10 200 && chmod 666 "$T/tun" && mount --bind "$T/tun" /dev/net/tun; }
world
ip route add default via 192.0.2.2

as_user() {
	(cd "$U/b" && exec setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all --bounding-set=-all \
		env -u SKERRY_LANE HOME="$U" XDG_RUNTIME_DIR="$U/run" "$@")
}
U_() {
	as_user timeout -k 5 20 "$SKERRY" --root "$U/state" "$@"
}
conf_user() {
	rm -f "$U/spec/config.json"
	as_user "$SKERRY" spec --rootless -b "$U/spec" >/dev/null
	jq "(.process.terminal = false) | (.root.readonly = false) | ${1:-.}" "$U/spec/config.json" >"$U/b/config.json"
	chown 1000:1000 "$U/b/config.json"
}
no_pasta() {
	! pgrep '^pas' >/dev/null
}

conf_user "$(args sh -c "$(page 192.0.2.2 8000)")"
check 'run --net default as uid 1000 reaches another host' prints world U_ run --net default c1
check 'pasta is gone with the container' eventually no_pasta
conf_user "$(args sh -c 'ip -4 -o addr show | grep -v 127.0.0.1 | cut -d" " -f7')"
check 'the container has the host'\''s address' shows 192.0.2.1 U_ run --net default c1
conf_user "$(args cat /etc/hosts) | .hostname = \"mine\""
check 'and its names' shows mine U_ run --net default --add-host a:1.2.3.4 c1
conf_user "$(args httpd -f -p 80 -h /tmp)"
as_user sh -c "echo inside >$U/b/rootfs/tmp/index.html"
check 'a published port' eval 'U_ run -d --net default -p 8080:80 c1 </dev/null >/dev/null 2>&1 && eventually serves inside 192.0.2.1 8080 world'
check 'pasta runs as long as the container' fails no_pasta
U_ delete -f c1
check 'delete ends it' eventually no_pasta
conf_user "$(args true)"
check 'a network of the administrator is not for users' refuses 'only' U_ run --net blue c1
check 'an address of one'\''s own neither' fails U_ run --net default:ip=10.1.1.1 c1
check 'sctp neither' refuses 'tcp and udp' U_ run --net default -p 1000:1000/sctp c1
check 'nothing is left of what failed' eval 'eventually no_pasta && [ -z "$(ls "$U/state")" ]'
world_end
umount /dev/net/tun 2>/dev/null
net_end
done_testing
