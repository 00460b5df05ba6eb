#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# shellcheck disable=SC2034 # variables are used in what check evaluates
# outside.sh - plugin outside: bridges of several hosts joined by VLANs or by GRE; MTU, peers that come and go.
# these bring interfaces of their own, which the inventory would take for left behind
[ "${SKERRY_LANE-}" != vm ] || modprobe -a ip_gre 8021q dummy
# shellcheck source=tests/integration/cni/lib.sh
. "$(dirname "$0")/../cni/lib.sh"

# three hosts on a switch, a container of each of two networks with the same addresses on every one
ip link add switch type bridge && ip link set switch up
for h in 1 2 3; do
	netns host$h
	ip link add port$h type veth peer name up0 netns host$h
	ip link set port$h master switch up
	ip -n host$h addr add 192.0.2.$h/24 dev up0 && ip -n host$h link set up0 up
	mkdir -p "$T/conf$h"
	netns red$h
	netns blue$h
done
list() { # HOST NETWORK OUTSIDE
	cat >"$T/conf$1/$2.conflist" <<-END
		{"cniVersion":"1.1.0","name":"$2","plugins":[{"type":"bridge","bridge":"$2-0",
		"ipam":{"type":"static","addresses":[{"address":"10.7.0.$1/24"}]}},{"type":"outside",$3}]}
	END
}
on() { # HOST VERB ARGUMENTS...
	local h=$1 verb=$2
	shift 2
	timeout 60 ip netns exec "host$h" "$NET" "$verb" --conf-dir "$T/conf$h" --cache-dir "$T/cache$h" --run-dir "$T/run$h" "$@"
}
has_kind() { # KIND OPTIONS...
	ip link add try0 type "$@" 2>/dev/null && ip link del try0
}
mtu() { # NETNS INTERFACE
	ip -n "$1" -j link show "$2" | jq '.[0].mtu'
}
reaches() {
	pings "$@" || pings "$@" || pings "$@"
}
attach() {
	local h
	for h in 1 2 3; do
		for n in red blue; do
			on $h add $n c /run/netns/$n$h >/dev/null || return
		done
	done
}
detach() {
	local h n
	for h in 1 2 3; do
		for n in red blue; do
			on $h del $n c && on $h gc $n && ip -n host$h link del $n-0 || return
		done
	done
}
# apart: what blue hears while red speaks is not of red
apart() {
	local of_red
	of_red=$(for h in 1 2 3; do ip netns exec red$h cat /sys/class/net/eth0/address; done)
	ip netns exec blue2 /usr/bin/python3 "$HERE/tools/datagrams.py" listen eth0 3 >"$T/heard" &
	sleep 1
	reaches red1 10.7.0.2 && reaches red3 10.7.0.2 && reaches blue1 10.7.0.1
	wait $!
	! grep -F "$of_red" "$T/heard"
}

# --- VLAN ---------------------------------------------------------------------------------
ip link add lower0 type dummy 2>/dev/null || ip link add lower0 type veth peer name lower1
if has_kind vlan id 5 2>/dev/null || ip link add link lower0 name try0 type vlan id 5 2>/dev/null; then
	ip link del try0 2>/dev/null
	for h in 1 2 3; do
		list $h red '"kind":"vlan","dev":"up0","id":10'
		list $h blue '"kind":"vlan","dev":"up0","id":20'
	done
	check 'VLAN: containers on three hosts, of two networks' attach
	check '  all reach all' eval 'reaches red1 10.7.0.2 && reaches red2 10.7.0.3 && reaches blue1 10.7.0.3'
	check '  and the networks are apart' apart
	check '  packets are as large as on the interface' is 1500 "$(mtu red1 eth0)"
	check '  CHECK agrees' eval 'on 1 check && on 2 check'
	check '  CHECK sees that the port is gone' eval 'ip -n host1 link del "$(ip -n host1 -br link show type vlan master red-0 | sed "s/@.*//")" && ! on 1 check red c'
	check '  detached, nothing is left' eval 'detach && is "" "$(for h in 1 2 3; do ip -n host$h -br link show type vlan; done)"'
else
	skip 'networks by VLAN' 'this kernel has no 802.1Q: the virtual machine has it'
fi
ip link del lower0

# --- GRE ----------------------------------------------------------------------------------
if has_kind gretap local 192.0.2.8 remote 192.0.2.9; then
	for h in 1 2 3; do
		peers=$(jq -nc "[range(1; 4) | select(. != $h) | \"192.0.2.\\(.)\"]")
		list $h red "\"kind\":\"gre\",\"id\":100,\"local\":\"192.0.2.$h\",\"peers\":$peers"
		list $h blue "\"kind\":\"gre\",\"id\":200,\"local\":\"192.0.2.$h\",\"dev\":\"up0\""
	done
	check 'GRE: containers on three hosts, of two networks' attach
	check '  all reach all' eval 'reaches red1 10.7.0.2 && reaches red2 10.7.0.3 && reaches red3 10.7.0.1'
	check '  once: no packet comes twice' tries 3 eval 'timeout 60 ip netns exec red1 busybox ping -c3 -W5 10.7.0.3 | tee "$T/ping" | grep -q "3 packets received" && ! grep -q DUP "$T/ping"'
	check '  the one without peers reaches nobody' eval 'unanswered blue1 10.7.0.2'
	check '  whole packets fit, on the container as well' eval 'is 1458 "$(mtu red1 eth0)" && pings red1 10.7.0.3 -s 1430'
	check '  peers join while it runs' eval 'on 1 peer add blue 192.0.2.2 && on 2 peer add blue 192.0.2.1 && reaches blue1 10.7.0.2 && unanswered blue1 10.7.0.3'
	check '  again is no error' eval 'on 1 peer add blue 192.0.2.2 && pings blue1 10.7.0.2'
	check '  and leave' eval 'on 1 peer rm blue 192.0.2.2 && unanswered blue1 10.7.0.2 && on 1 peer rm blue 192.0.2.2 && on 2 peer rm blue 192.0.2.1'
	check '  the networks are apart' apart
	check '  CHECK agrees' eval 'on 1 check && on 3 check'
	check '  detached, nothing is left' eval 'detach && is "" "$(for h in 1 2 3; do ip -n host$h -br link show type gretap | grep -v "^gretap0"; done)"'
else
	skip 'networks by GRE' 'this kernel has no GRE: the virtual machine has it'
fi

list 1 red '"kind":"pigeon","id":1'
check 'another kind: code 7' eval '! on 1 add red c /run/netns/red1 2>"$T/err" && grep -q "is not .vlan. or .gre." "$T/err"'
list 1 red '"kind":"vlan","id":5000,"dev":"up0"'
check 'a number that is no VLAN: code 7' eval '! on 1 add red c /run/netns/red1 2>"$T/err" && grep -q "no VLAN" "$T/err"'
list 1 red '"kind":"gre","id":1,"dev":"up0","mtu":1500'
check 'an MTU that does not fit: code 7' eval '! on 1 add red c /run/netns/red1 2>"$T/err" && grep -q "t fit into" "$T/err"'
list 1 red '"kind":"gre","id":1,"dev":"up0","peers":["fd00::1"]'
check 'GRE to an IPv6 address: code 7' eval '! on 1 add red c /run/netns/red1 2>"$T/err" && grep -q "no IPv4 address" "$T/err"'
check '  nothing is left of them' eval 'is "" "$(ip -n host1 -br link show type veth | grep -v up0)" && ip -n host1 link del red-0'
for h in 1 2 3; do
	ip link del port$h
	netns_gone red$h
	netns_gone blue$h
	netns_gone host$h
done
ip link del switch
net_end
done_testing
