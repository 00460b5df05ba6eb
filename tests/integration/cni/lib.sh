# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# lib.sh - what the tests of networks add to ../lib.sh: a host of their own
#
# The lane has its own network namespace; here it also gets its own /run,
# /etc/cni and /var/lib/cni, so that no network of the machine is seen or
# changed.  N: skerry-net; PEERS: the reference plugins of Debian.
# The virtual machine has one for all, so there the script moves into its own.
if [ "${SKERRY_LANE-}" = vm ] && [ -z "${CNI_LANE-}" ]; then
	CNI_LANE=1 exec unshare -n -m --propagation private bash -c 'ip link set lo up; exec bash "$0"' "$0"
fi
# shellcheck source=tests/integration/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

NET=$BUILD/skerry-net
# shellcheck disable=SC2034 # of the tests
PEERS=/usr/lib/cni
export CONF=/etc/cni/net.d
unset CNI_PATH NETCONFPATH XDG_CONFIG_HOME
mkdir -p /etc/cni
mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /etc/cni && mount -t tmpfs tmpfs /var/lib &&
	mkdir -p "$CONF" /run/netns || exit 1
sysctl -qw net.ipv4.ip_forward=0 # a new namespace has what the machine has
rm -f "$T/inv.before"
inv_save

N() {
	timeout -k 5 "${TMO:-60}" "$NET" "$@"
}

# netns NAME: a network namespace held at /run/netns/NAME.
netns() {
	ip netns add "$1" && ip -n "$1" link set lo up
}
netns_gone() {
	ip netns del "$1"
}

# conflist NAME TEXT: a file; TEXT is the list without name and braces.
conflist() {
	printf '{"name":"%s",%s}\n' "$1" "$2" >"$CONF/$1.conflist"
}

# bridge_list NAME SUBNET [VERSION]: bridge + host-local + portmap.
bridge_list() {
	conflist "$1" "\"cniVersion\":\"${3:-1.0.0}\",\"plugins\":[{\"type\":\"bridge\",
		\"bridge\":\"br-$1\",\"isGateway\":true,\"capabilities\":{\"ips\":true,\"mac\":true},
		\"ipam\":{\"type\":\"host-local\",\"ranges\":[[{\"subnet\":\"$2\"}]],
		\"routes\":[{\"dst\":\"0.0.0.0/0\"}]}},
		{\"type\":\"portmap\",\"capabilities\":{\"portMappings\":true}}]"
}

# leases NETWORK: the addresses that host-local holds.
leases() {
	find "/var/lib/cni/networks/$1" -maxdepth 1 -name '[0-9a-f]*[.:]*' -printf '%f\n' 2>/dev/null |
		sort
}

# links: interfaces besides the loopback and bridges.
links() {
	ip -br link show | awk '$1 !~ /^(lo|br-|sk-|skerry0)/ { sub("@.*", "", $1); print $1 }'
}

# address NETNS [INTERFACE]: its first IPv4 address.
address() {
	ip -n "$1" -4 -o addr show dev "${2:-eth0}" 2>/dev/null | awk '{ sub("/.*", "", $4); print $4; exit }'
}

# pings NETNS ADDRESS [OPTIONS]: an echo comes back; the first may be lost while a neighbour is looked for.
pings() {
	eventually once "$@"
}
# unanswered NETNS ADDRESS [OPTIONS]
unanswered() {
	! once "$@"
}
once() {
	local ns=$1 address=$2
	shift 2
	timeout 20 ip netns exec "$ns" busybox ping -q -c1 -W2 "$@" "$address"
}

# listens NETNS PORT [ss OPTIONS]: somebody does, by now; NETNS may be "host"
listens() {
	local here=()
	[ "$1" = host ] || here=(ip netns exec "$1")
	eventually somebody "${here[@]}" ss -Hln "${3--t}" "sport = :$2"
}
somebody() {
	[ -n "$("$@")" ]
}

# net_end: what the tests' own tools made, so that the inventory is about the programs under test.
net_end() {
	rm -rf "${CONF:?}"/*
	ip -br link | awk '$1 ~ /^(br|sk)-|^skerry0/ { print $1 }' | xargs -rn1 ip link del
	umount /run/netns 2>/dev/null
	clean_or_fail
}

cached() {
	ls /var/lib/cni/results 2>/dev/null
}

# nothing_left NETWORK: no lease, no interface, no cache; the kernel takes the interfaces of a network
# namespace down some time after its end.
nothing_left() {
	eventually nothing_now "$1"
}
nothing_now() {
	is "" "$(leases "$1")" && is "" "$(links)" && is "" "$(cached)"
}

# world: another host, 192.0.2.2, that knows no way to the containers' addresses; it serves
# "world" on port 8000.
world() {
	netns world
	ip link add up0 type veth peer name eth0 netns world
	ip addr add 192.0.2.1/24 dev up0 && ip link set up0 up
	ip -n world addr add 192.0.2.2/24 dev eth0 && ip -n world link set eth0 up
	mkdir -p "$T/www" && echo world >"$T/www/index.html"
	ip netns exec world busybox httpd -p 8000 -h "$T/www" </dev/null >/dev/null 2>&1
}
world_end() {
	local pid
	for pid in $(ip netns pids world); do
		safe_kill KILL "$pid"
	done
	ip link del up0
	netns_gone world
}

# fetch ADDRESS PORT [NETNS]: the last line of the page / there, within WAIT seconds.
fetch() {
	local here=()
	[ $# -lt 3 ] || here=(ip netns exec "$3")
	# shellcheck disable=SC2016
	"${here[@]}" timeout "${WAIT:-20}" bash -c 'exec 3<>"/dev/tcp/$0/$1" && printf "GET / HTTP/1.0\r\n\r\n" >&3 && tail -n 1 <&3' \
		"$1" "$2"
}
# the same for a container's program, which has busybox only: Debian's wget looks names up first and
# can't without the C library's modules
page() {
	printf '(printf "GET / HTTP/1.0\r\n\r\n"; sleep 0.3) | nc -w 15 %s %s | tail -n 1' "$1" "$2"
}
# serves TEXT ADDRESS PORT [NETNS]
serves() {
	local text=$1
	shift
	is "$text" "$(fetch "$@")"
}
