#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# rootless-net.sh - an ordinary user's container has a network: pasta(1), else slirp4netns(1).
. "$(dirname "$0")/lib.sh"

U=$T/user
mkdir -p "$U"/{b,state,run,spec}
cp -a "$T/rootfs" "$U/b/rootfs"
chown -R 1000:1000 "$U"
chmod 755 "$T"
needs 'user namespaces are not open to users here' setpriv --reuid 1000 --regid 1000 --clear-groups unshare -Ur true
needs 'pasta (package passt) is not installed' test -x /usr/bin/pasta
needs 'dnsmasq is not installed' test -x /usr/sbin/dnsmasq
needs 'there is no /dev/net/tun here' test -c /dev/net/tun
# udev makes it one for everybody; a bare /dev may not
[ "$(stat -c %a /dev/net/tun)" = 666 ] || { mknod -m 666 "$T/tun" c 10 200 && chmod 666 "$T/tun" && mount --bind "$T/tun" /dev/net/tun; }
world
ip route add default via 192.0.2.2
ip netns exec world dnsmasq --conf-file=/dev/null --no-hosts --no-resolv --pid-file= --listen-address=192.0.2.2 \
	--bind-interfaces --address=/there.example/192.0.2.99
echo nameserver 192.0.2.2 >"$T/resolv.conf"
mount --bind "$T/resolv.conf" /etc/resolv.conf

as_user() {
	(cd "$U/b" && exec setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all --bounding-set=-all \
		env -u SKERRY_LANE HOME="$U" XDG_RUNTIME_DIR="$U/run" "$@")
}
U_() {
	as_user timeout -k 5 60 "$SKERRY" --root "$U/state" "$@"
}
conf_user() {
	rm -f "$U/spec/config.json"
	as_user "$SKERRY" spec --rootless -b "$U/spec" >/dev/null
	jq "(.process.terminal = false) | (.root.readonly = false) | ${1:-.}" "$U/spec/config.json" >"$U/b/config.json"
	chown 1000:1000 "$U/b/config.json"
}
no_helper() {
	! pgrep '^(pas|slirp4netns)' >/dev/null
}

with() { # NAME ADDRESS
	conf_user "$(args sh -c "$(page 192.0.2.2 8000)")"
	check "$1: run --net default as uid 1000 reaches another host" prints world U_ run --net default c1
	check "$1 is gone with the container" eventually no_helper
	conf_user "$(args sh -c 'ip -4 -o addr show | grep -v 127.0.0.1 | cut -d" " -f7')"
	check "$1: the container has the address $2" shows "$2" U_ run --net default c1
	conf_user "$(args sh -c 'cat /etc/resolv.conf; nslookup there.example || true')"
	check "$1: names are looked up at the host's servers" shows 192.0.2.99 U_ run --net default c1
	conf_user "$(args cat /etc/hosts) | .hostname = \"mine\""
	check "$1: and its names" shows mine U_ run --net default --add-host a:1.2.3.4 c1
	conf_user "$(args httpd -f -p 80 -h /tmp)"
	as_user sh -c "echo inside >$U/b/rootfs/tmp/index.html"
	check "$1: a published port" eval 'U_ run -d --net default -p 8080:80 c1 </dev/null >/dev/null 2>&1 && eventually serves inside 192.0.2.1 8080 world'
	check "$1 runs as long as the container" fails no_helper
	U_ delete -f c1
	check "$1: delete ends it" eventually no_helper
}
with pasta 192.0.2.1
mount --bind /dev/null /usr/bin/pasta
if [ -x /usr/bin/slirp4netns ]; then
	with slirp4netns 10.0.2.100
else
	skip 'slirp4netns: run --net default as uid 1000 reaches another host' 'slirp4netns is not installed'
fi
umount /usr/bin/pasta
conf_user "$(args true)"
check 'a network of the administrator is not for users' refuses 'only' U_ run --net blue c1
check 'an address of one'\''s own neither' fails U_ run --net default:ip=10.1.1.1 c1
check 'sctp neither' refuses 'tcp and udp' U_ run --net default -p 1000:1000/sctp c1
check 'nothing is left of what failed' eval 'eventually no_helper && [ -z "$(ls "$U/state")" ]'
world_end
umount /dev/net/tun /etc/resolv.conf 2>/dev/null
net_end
done_testing
