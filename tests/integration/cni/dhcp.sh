#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# dhcp.sh - IPAM plugin dhcp: leases of a server on the container's network.
#
# The server is dnsmasq where there is one, else udhcpd of BusyBox; it lives in the namespace
# "world" and is reached through a bridge (or a macvlan's master) called up0 on this side.
. "$(dirname "$0")/plugin-lib.sh"
netns a
netns world
ip link add up0 type veth peer name eth0 netns world
ip link set up0 up
ip -n world addr add 192.0.2.1/24 dev eth0 && ip -n world link set eth0 up
LEASES=$T/server.leases
SERVER_LOG=$T/server.log
server=

# server_start [FIRST]: serves 192.0.2.FIRST and the 40 behind it with a router, $ROUTES and names.
server_start() {
	local first=${1:-100}
	: >"$LEASES"
	if command -v dnsmasq >/dev/null; then
		ip netns exec world dnsmasq --keep-in-foreground --conf-file=/dev/null --port=0 --bind-interfaces \
			--interface=eth0 --except-interface=lo --user=root --pid-file= --log-dhcp --log-facility="$SERVER_LOG" \
			--dhcp-authoritative --no-ping --dhcp-leasefile="$LEASES" --dhcp-range="192.0.2.$first,192.0.2.$((first + 40)),3600" \
			--dhcp-option=option:router,192.0.2.1 --dhcp-option=option:dns-server,192.0.2.53,192.0.2.54 \
			--dhcp-option=option:domain-name,lan.test --dhcp-option=option:domain-search,a.test,b.test \
			${ROUTES:+--dhcp-option=121,$ROUTES} </dev/null >/dev/null 2>&1 &
	else
		cat >"$T/udhcpd.conf" <<-END
			start 192.0.2.$first
			end 192.0.2.$((first + 40))
			interface eth0
			lease_file $LEASES
			pidfile $T/udhcpd.pid
			option subnet 255.255.255.0
			option router 192.0.2.1
			option dns 192.0.2.53 192.0.2.54
			option domain lan.test
			option search a.test b.test
			option lease 3600
			${ROUTES:+option staticroutes ${ROUTES//,/ }}
		END
		ip netns exec world busybox udhcpd -f -S "$T/udhcpd.conf" </dev/null >"$SERVER_LOG" 2>&1 &
	fi
	server=$!
	for _ in {1..50}; do
		ip netns exec world ss -Hlun 'sport = 67' | grep -q . && return 0
		sleep 0.1
	done
	echo "the server does not listen"
	return 1
}
server_end() {
	safe_kill TERM "$server" && wait "$server" 2>/dev/null
	server=
}
# dhcp TYPE KEYS [IPAM-KEYS]
dhcp() {
	CONFIG="{\"cniVersion\":\"1.1.0\",\"name\":\"net1\",\"type\":\"$1\",$2,\"ipam\":{\"type\":\"dhcp\",
		\"daemonSocketPath\":\"/run/cni/dhcp.sock\"${3:+,$3}}}"
}
clients() {
	ps -eo pid=,args= | awk '$2 == "udhcpc" && /net1/ { print $1 }'
}
watchers() {
	ps -eo pid=,comm= | awk '$2 == "skerry-dhcp" { print $1 }'
}
# gone COMMAND: prints nothing within five seconds
gone() {
	for _ in {1..100}; do
		[ -n "$("$@")" ] || return 0
		sleep 0.05
	done
	echo "still there: $("$@")"
	return 1
}
pid_of() {
	cat "/run/cni/dhcp/net1/$ID:$IFNAME:pid"
}

check 'STATUS: the host has a client' plugin STATUS dhcp '{"cniVersion":"1.1.0","name":"net1","type":"dhcp","ipam":{"type":"dhcp"}}'

# --- bridge -----------------------------------------------------------------------------
ip link add br-lan address 02:00:00:00:00:01 type bridge && ip link set br-lan up && ip link set up0 master br-lan
dhcp bridge '"bridge":"br-lan"'
check 'nobody answers: code 11, and nothing left' eval 'refused 11 "no DHCP server" ADD bridge &&
	! ip -n a link show eth0 2>/dev/null && gone clients && gone watchers && ! ls /run/cni/dhcp/net1/* 2>/dev/null'
server_start || exit 1
check 'bridge: ADD' add bridge
# shellcheck disable=SC2034 # of eval
mine=$(result '.ips[0].address')
check 'an address of the range with its mask, the router, the default route' eval \
	'[[ $mine =~ ^192\.0\.2\.1[0-9][0-9]/24$ ]] && is 192.0.2.1 "$(result ".ips[0].gateway")" &&
	is "0.0.0.0/0 192.0.2.1" "$(result ".routes[] | .dst + \" \" + .gw")"'
check 'the name servers and domains' eval \
	'is "192.0.2.53 192.0.2.54" "$(result ".dns.nameservers | join(\" \")")" && is lan.test "$(result .dns.domain)" &&
	is "a.test b.test" "$(result ".dns.search | join(\" \")")"'
check 'the container has it' eval 'has "$(ip -n a addr show eth0)" "$mine" && has "$(ip -n a route)" "default via 192.0.2.1"'
check 'and reaches the world' pings a 192.0.2.1
check 'one client and one watcher stay, as nobody'"'"'s children' eval \
	'is 1 "$(clients | wc -l)" && is 1 "$(watchers | wc -l)" && is "$(pid_of)" "$(clients | tr -d " ")"'
check 'the watcher does not hold the namespace' eval '! ls -l /proc/$(watchers)/fd | grep -q net: &&
	! is "$(readlink /proc/$(watchers)/ns/net)" "$(readlink /proc/$(clients)/ns/net)"'
check 'CHECK agrees' passes CHECK bridge
check 'its name for the server is CONTAINER/NETWORK/IFNAME' eval \
	'! command -v dnsmasq >/dev/null || has "$(cat "$LEASES")" "00:$(printf c1/net1/eth0 | od -An -tx1 | tr " " : | cut -c2-)"'
check 'DEL' passes DEL bridge
check 'gives the lease back, and nobody stays' eval 'gone clients && gone watchers &&
	{ ! command -v dnsmasq >/dev/null || has "$(cat "$SERVER_LOG")" "DHCPRELEASE"; } && ! ls /run/cni/dhcp/net1 2>/dev/null'
check 'DEL again' passes DEL bridge
check 'and the next ADD works' add bridge

safe_kill KILL "$(pid_of)"
check 'CHECK sees that the client is gone' eval 'gone clients && refused 999 "nobody holds the DHCP lease" CHECK bridge'
check 'DEL nevertheless' eval 'passes DEL bridge && gone watchers'

add bridge >/dev/null
other() { # other COMMAND...: of an attachment that stays
	local ID=c2 IFNAME=eth1
	"$@"
}
dhcp_lives() {
	[ -d "/proc/$(pid_of)" ]
}
other add bridge >/dev/null
# shellcheck disable=SC2034 # of eval
GC=$(jq -c 'del(.prevResult) + {"cni.dev/valid-attachments":[{containerID:"c2",ifname:"eth1"}]}' <<<"$CONFIG")
check 'GC ends the client that belongs to nobody' eval 'plugin GC bridge "$GC" && is 1 "$(clients | wc -l)" && other dhcp_lives'
check 'and leaves the other one alone' other dhcp_lives
other plugin DEL bridge
plugin DEL bridge

check 'a namespace that goes without DEL is let go' eval 'netns b && NETNS=/run/netns/b add bridge >/dev/null && netns_gone b && gone watchers && gone clients'
plugin DEL bridge

# --- options ------------------------------------------------------------------------------
if command -v dnsmasq >/dev/null; then
	dhcp bridge '"bridge":"br-lan"' '"provide":[{"option":"host-name","value":"no"},{"option":"host-name","fromArg":"K8S_POD_NAME"},
		{"option":"vendor-class-identifier","value":"skerry class"},{"option":"77","value":"some"}],
		"request":[{"skipDefault":true},{"option":"subnet-mask"},{"option":"42"}]'
	check 'provide and request' eval 'ARGS="K8S_POD_NAME=pod7" add bridge'
	check 'the server sees the name, the class and the user class' eval \
		'has "$(cat "$LEASES")" " pod7 " && has "$(cat "$SERVER_LOG")" "vendor class: skerry class" && has "$(cat "$SERVER_LOG")" "user class: "'
	check 'nothing but the mask was asked for' eval \
		'is null "$(result ".ips[0].gateway")" && is 0 "$(result "(.routes // []) | length")" && has "$(tail -n 40 "$SERVER_LOG")" "requested options: 1:netmask, 42:ntp-server"'
	plugin DEL bridge
fi
dhcp bridge '"bridge":"br-lan"' '"suppress":["gateway"],"priority":77'
check 'suppress: no gateway, no default route' eval 'add bridge && is null "$(result ".ips[0].gateway")" && is 0 "$(result "(.routes // []) | length")"'
plugin DEL bridge
dhcp bridge '"bridge":"br-lan"' '"suppress":["all"]'
check 'suppress: another word: code 7' refused 7 'unknown suppress value' ADD bridge
dhcp bridge '"bridge":"br-lan"' '"request":[{"option":"no-such"}]'
check 'an unknown option: code 7' refused 7 'no-such' ADD bridge
dhcp bridge '"bridge":"br-lan"' "\"provide\":[{\"option\":\"12\",\"value\":\"$(printf 'x%.0s' {1..300})\"}]"
check 'a value too long: code 7' refused 7 'too long' ADD bridge
server_end

# --- classless routes, renewals, the end of a lease -----------------------------------------
ROUTES=198.51.100.0/24,192.0.2.9,203.0.113.0/24,192.0.2.8 server_start || exit 1
dhcp bridge '"bridge":"br-lan"' '"priority":77'
check 'classless routes replace the default route' eval 'add bridge &&
	is "198.51.100.0/24 192.0.2.9 77 203.0.113.0/24 192.0.2.8 77" "$(result "[.routes[] | .dst, .gw, .priority] | join(\" \")")" &&
	has "$(ip -n a route)" "198.51.100.0/24 via 192.0.2.9 dev eth0 metric 77"'
lease_file() {
	stat -c %i:%y "/run/cni/dhcp/net1/$ID:$IFNAME:lease"
}
before=$(lease_file)
other_lease() {
	[ "$(lease_file)" != "$before" ] || echo "$before"
}
safe_kill USR1 "$(pid_of)"
check 'it is renewed: the lease is written anew, the address stays' eval 'gone other_lease && passes CHECK bridge'
server_end
ROUTES='' server_start 200 || exit 1
safe_kill USR1 "$(pid_of)"
check 'a server that takes it back: the interface is down, the client ends, CHECK says so' eval 'gone clients &&
	refused 999 "nobody holds" CHECK bridge && has "$(ip -n a link show eth0)" "state DOWN"'
check 'DEL of what was lost' eval 'passes DEL bridge && gone watchers'
server_end

# --- ptp's and macvlan's way ---------------------------------------------------------------
ip link set up0 nomaster
if kernel_has 'macvlan mode bridge'; then
	ROUTES='' server_start || exit 1
	dhcp macvlan '"master":"up0"'
	check 'macvlan: ADD, CHECK, DEL' eval 'add macvlan && pings a 192.0.2.1 && passes CHECK macvlan && passes DEL macvlan && gone clients && gone watchers'
	server_end
else
	skip 'macvlan' 'this kernel has no macvlan'
fi
check 'without the interface it says what is missing' refused 999 'needs the interface' ADD dhcp

ip link del up0
ip link del br-lan
plugin_end
done_testing
