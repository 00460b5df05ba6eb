#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# links.sh - plugins ptp and macvlan; what ipvlan, vlan and dummy (children.sh) say without the kernel.
. "$(dirname "$0")/plugin-lib.sh"
netns a
netns b
world

in_b() { # in_b COMMAND...: for another container
	local ID=c2 NETNS=/run/netns/b
	"$@"
}
sees() { # sees PART CHANGE: CHECK says so
	local part=$1 type
	eval "$2" || return 1
	type=$(jq -r .type <<<"$CONFIG")
	refused 999 "$part" CHECK "$type"
}

# --- ptp ------------------------------------------------------------------------------
network '"type":"ptp","ipMasq":true,"mtu":1400'
CONFIG=$(jq -c '.ipam.ranges += [[{subnet:"fd01::/64"}]] | .ipam.routes += [{dst:"::/0"}]' <<<"$CONFIG")
check 'ptp: ADD' add ptp
end=$(result '.interfaces[0].name')
check "ptp: the host's end has the gateway's address alone" eval \
	'has "$(ip -o addr show $end)" "10.1.0.1/32" && has "$(ip -o addr show $end)" "fd01::1/128"'
check 'ptp: and a route to the container alone' eval \
	'has "$(ip route)" "10.1.0.2 dev $end scope link" && has "$(ip -6 route)" "fd01::2 dev $end"'
check 'ptp: it takes no router advertisements' is 0 "$(cat /proc/sys/net/ipv6/conf/$end/accept_ra)"
check 'ptp: inside all leads through the gateway, its own network too' eval \
	'has "$(ip -n a route)" "10.1.0.0/24 via 10.1.0.1 dev eth0" && has "$(ip -n a route)" "default via 10.1.0.1" &&
	has "$(ip -n a -6 route)" "fd01::/64 via fd01::1"'
check 'ptp: mtu' has "$(ip -n a link show eth0)" 'mtu 1400'
check 'ptp: the gateway answers' eval 'pings a 10.1.0.1 && pings a fd01::1'
check 'ptp: the world answers by masquerade' pings a 192.0.2.2
check 'ptp: another container, same gateway' eval 'in_b plugin ADD ptp && pings b 10.1.0.2 && pings b fd01::2'
check 'ptp: CHECK agrees' passes CHECK ptp
check 'ptp: CHECK sees a route that is gone on the host' sees 'no route to 10.1.0.2/32' "ip route del 10.1.0.2 dev $end"
ip route add 10.1.0.2 dev "$end" scope link
check 'ptp: and an address that is gone on the host' sees 'does not have the address 10.1.0.1/32' \
	"ip addr del 10.1.0.1/32 dev $end"
check 'ptp: DEL' passes DEL ptp
check 'ptp: leaves nothing of it' eval '! ip link show $end 2>/dev/null && lacks "$(ip route)" "10.1.0.2 " && is "10.1.0.3 fd01::3" "$(leased)"'
check 'ptp: the other one still works' pings b 192.0.2.2
in_b plugin DEL ptp "$(jq -c 'del(.prevResult)' <<<"$CONFIG")"
check 'ptp: no masquerade is left' eval '! nft list ruleset | grep -q elements'
check 'ptp: without IPAM: code 7' refused 7 IPAM ADD ptp '{"cniVersion":"1.0.0","name":"net1","type":"ptp"}'

# --- the children of another interface --------------------------------------------------
# child TYPE KEYS: on up0, as a host of the world's network
child() {
	CONFIG="{\"cniVersion\":\"1.1.0\",\"name\":\"net1\",\"type\":\"$1\"$2,\"ipam\":{\"type\":\"static\",
		\"addresses\":[{\"address\":\"192.0.2.10/24\"}]}}"
}
if kernel_has 'macvlan mode bridge'; then
	child macvlan ',"master":"up0","mtu":1400'
	check 'macvlan: ADD' add macvlan
	check 'macvlan: it is a host of the network' eval \
		'pings a 192.0.2.2 && has "$(ip -n world neigh show 192.0.2.10)" "$(result ".interfaces[0].mac")"'
	check 'macvlan: mode bridge, mtu, one interface in the result' eval \
		'has "$(ip -n a -d link show eth0)" "mode bridge" && has "$(ip -n a link show eth0)" "mtu 1400" && is 1 "$(result ".interfaces | length")"'
	check 'macvlan: CHECK agrees' passes CHECK macvlan
	check 'macvlan: CHECK sees another mode' sees 'mode' 'ip -n a link set eth0 type macvlan mode private'
	check 'macvlan: DEL' eval 'passes DEL macvlan && ! ip -n a link show eth0 2>/dev/null'
	child macvlan ',"master":"up0","mode":"vepa","mac":"02:00:00:00:00:42"'
	check 'macvlan: mode vepa with a hardware address' closing 'passes DEL macvlan' 'add macvlan && has "$(ip -n a -d link show eth0)" "mode vepa" &&
		is 02:00:00:00:00:42 "$(result ".interfaces[0].mac")"'
	child macvlan ''
	ip route add default via 192.0.2.2
	check 'macvlan: without a master that of the default route' closing 'passes DEL macvlan' 'add macvlan && pings a 192.0.2.2'
	ip route del default
	check 'macvlan: and without a default route: code 7' refused 7 'no default route' ADD macvlan
	child macvlan ',"master":"up0","bcqueuelen":77'
	check 'macvlan: bcqueuelen' closing 'passes DEL macvlan' 'add macvlan && has "$(ip -n a -d link show eth0)" "bcqueuelen 77"'
	child macvlan ',"master":"nope"'
	check 'macvlan: a master that is not there' refused 999 'master "nope"' ADD macvlan
	child macvlan ',"master":"up0","mtu":9000'
	check 'macvlan: more mtu than the master: code 7' refused 7 'master MTU(1500)' ADD macvlan
	child macvlan ',"master":"up0","mode":"odd"'
	check 'macvlan: an unknown mode: code 7' refused 7 odd ADD macvlan
	ip -n a link add up7 type veth peer name up8
	child macvlan ',"master":"up7","linkInContainer":true'
	check 'macvlan: linkInContainer' closing 'passes DEL macvlan' 'add macvlan && has "$(ip -n a link show eth0)" "eth0@up7" && passes CHECK macvlan'
	ip -n a link del up7
	CONFIG='{"cniVersion":"1.0.0","name":"net1","type":"macvlan","master":"up0"}'
	check 'macvlan: without IPAM it is up' closing 'passes DEL macvlan' 'add macvlan && has "$(ip -n a link show eth0)" ",UP"'
else
	skip 'macvlan' 'this kernel has no macvlan'
fi
if ! kernel_has 'ipvlan mode l2'; then
	child ipvlan ',"master":"up0"'
	check 'ipvlan: without the kernel an error that says so, and nothing left' eval \
		'refused 999 "make ipvlan interface" ADD ipvlan && ! ip -n a link show eth0 2>/dev/null'
fi
if ! kernel_has 'vlan id 7'; then
	child vlan ',"master":"up0","vlanId":7'
	check 'vlan: without the kernel an error that says so' refused 999 'make vlan interface' ADD vlan
fi
child vlan ',"vlanId":7'
check 'vlan: no master: code 7' refused 7 '"master" field is required' ADD vlan
child vlan ',"master":"up0","vlanId":5000'
check 'vlan: a number out of range: code 7' refused 7 'VLAN ID 5000' ADD vlan
if ! kernel_has dummy; then
	child dummy ''
	check 'dummy: without the kernel an error that says so' refused 999 'make dummy interface' ADD dummy
fi
check 'dummy: without IPAM: code 7' refused 7 IPAM ADD dummy '{"cniVersion":"1.0.0","name":"net1","type":"dummy"}'

world_end
plugin_end
done_testing
