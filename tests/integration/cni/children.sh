#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: vm
# children.sh - plugins ipvlan, vlan and dummy: what a container's kernel must have modules for.
. "$(dirname "$0")/plugin-lib.sh"
netns a
netns b
world
ip netns exec world sysctl -qw net.ipv4.conf.all.arp_ignore=1 # each address in its own network only

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

# --- the children of another interface --------------------------------------------------
# child TYPE KEYS: on up0, as a host of the world's network
child() {
	CONFIG="{\"cniVersion\":\"1.1.0\",\"name\":\"net1\",\"type\":\"$1\"$2,\"ipam\":{\"type\":\"static\",
		\"addresses\":[{\"address\":\"192.0.2.10/24\"}]}}"
}

# --- ipvlan ---
child ipvlan ',"master":"up0","mode":"l2","mtu":1400'
check 'ipvlan: ADD' eval 'add ipvlan && pings a 192.0.2.2'
check 'ipvlan: with the hardware address of its master' is "$(ip -j link show up0 | jq -r '.[0].address')" \
	"$(result '.interfaces[0].mac')"
check 'ipvlan: mode, mtu' eval 'has "$(ip -n a -d link show eth0)" "mode l2" && has "$(ip -n a link show eth0)" "mtu 1400"'
check 'ipvlan: CHECK agrees' passes CHECK ipvlan
check 'ipvlan: CHECK sees another mtu' sees MTU 'ip -n a link set eth0 mtu 1300'
ip -n a link set eth0 mtu 1400
check 'ipvlan: CHECK sees that it is down' sees 'is down' 'ip -n a link set eth0 down'
ip -n a link set eth0 up
check 'ipvlan: CHECK sees another mode' sees mode 'ip -n a link set eth0 type ipvlan mode l3'
check 'ipvlan: another container on the same master' eval 'ip -n a link set eth0 type ipvlan mode l2
	CONFIG=$(jq -c "del(.prevResult) | .ipam.addresses[0].address = \"192.0.2.11/24\"" <<<"$CONFIG"); in_b plugin ADD ipvlan && pings b 192.0.2.10 && pings b 192.0.2.2'
check 'ipvlan: DEL' eval 'in_b passes DEL ipvlan && passes DEL ipvlan && ! ip -n a link show eth0 2>/dev/null && passes DEL ipvlan'
for mode in l3 l3s; do
	child ipvlan ",\"master\":\"up0\",\"mode\":\"$mode\""
	check "ipvlan: mode $mode" closing 'passes DEL ipvlan' 'add ipvlan && has "$(ip -n a -d link show eth0)" "mode $mode " && pings a 192.0.2.2 && passes CHECK ipvlan'
done
child ipvlan ',"master":"up0","mode":"odd"'
check 'ipvlan: an unknown mode: code 7' refused 7 odd ADD ipvlan
child ipvlan ',"master":"up0","mtu":9000'
check 'ipvlan: more mtu than the master: code 7' refused 7 'master MTU(1500)' ADD ipvlan
child ipvlan ''
ip route add default via 192.0.2.2
check 'ipvlan: without a master that of the default route' closing 'passes DEL ipvlan' 'add ipvlan && pings a 192.0.2.2'
ip route del default
ip -n a link add up7 type veth peer name up8
child ipvlan ',"master":"up7","linkInContainer":true'
check 'ipvlan: linkInContainer' closing 'passes DEL ipvlan' 'add ipvlan && has "$(ip -n a link show eth0)" "eth0@up7" && passes CHECK ipvlan'
ip -n a link del up7
# behind another plugin: its interface as the master, its addresses
CONFIG='{"cniVersion":"1.0.0","name":"net1","type":"ipvlan","prevResult":{"cniVersion":"1.0.0","interfaces":[{"name":"up0"}],
	"ips":[{"address":"192.0.2.12/24","interface":0}]}}'
check 'ipvlan: chained: master and addresses of prevResult' eval \
	'add ipvlan && pings a 192.0.2.2 && is "192.0.2.12/24 0" "$(result ".ips[0] | .address + \" \" + (.interface | tostring)")"'
check 'ipvlan: chained: the result has the interface inside' is 'eth0 /run/netns/a' \
	"$(result '.interfaces[-1] | .name + " " + .sandbox')"
check 'ipvlan: chained: DEL' passes DEL ipvlan

# --- vlan ---
# tagged hosts of the world's: 10.7.0.2 in VLAN 7, 10.8.0.2 in VLAN 8
for id in 7 8; do
	ip -n world link add link eth0 name "eth0.$id" type vlan id $id
	ip -n world addr add "10.$id.0.2/24" dev "eth0.$id" && ip -n world link set "eth0.$id" up
done
vlan() { # vlan ID [KEYS]
	CONFIG="{\"cniVersion\":\"1.0.0\",\"name\":\"net1\",\"type\":\"vlan\",\"master\":\"up0\",\"vlanId\":$1${2-},
		\"ipam\":{\"type\":\"static\",\"addresses\":[{\"address\":\"10.$1.0.10/24\"}]}}"
}
vlan 7 ',"mtu":1400'
check 'vlan: ADD' eval 'add vlan && has "$(ip -n a -d link show eth0)" "id 7" && has "$(ip -n a link show eth0)" "mtu 1400"'
check 'vlan: it reaches the host with that tag' pings a 10.7.0.2
vlan 8
check 'vlan: another VLAN of the same interface' eval 'in_b plugin ADD vlan && pings b 10.8.0.2'
ip -n b route add 10.7.0.0/24 dev eth0
check 'vlan: and not the host with another tag' eval 'unanswered b 10.7.0.2'
check 'vlan: the same number again: an error, and the first stays' eval \
	'vlan 7; in_b refused 999 "" ADD vlan; vlan 7 && pings a 10.7.0.2'
in_b passes DEL vlan
vlan 7 ',"mtu":1400'
passes DEL vlan
add vlan
check 'vlan: CHECK agrees' passes CHECK vlan
check 'vlan: CHECK sees another number' eval \
	'ip -n a link del eth0 && ip link add link up0 name v8 type vlan id 8 && ip link set v8 netns a && ip -n a link set v8 name eth0 &&
	ip -n a link set eth0 address $(result ".interfaces[0].mac") up && refused 999 "number 8, not 7" CHECK vlan'
check 'vlan: DEL' eval 'passes DEL vlan && ! ip -n a link show eth0 2>/dev/null && passes DEL vlan'
ip -n a link add up7 type veth peer name up8 && ip -n a link set up7 up # a VLAN can't be up above what is down
child vlan ',"master":"up7","vlanId":9,"linkInContainer":true'
check 'vlan: linkInContainer' closing 'passes DEL vlan' 'add vlan && has "$(ip -n a link show eth0)" "eth0@up7" && passes CHECK vlan'
ip -n a link del up7
child vlan ',"master":"nope","vlanId":7'
check 'vlan: a master that is not there' refused 999 'master "nope"' ADD vlan

# --- dummy ---
child dummy ''
check 'dummy: ADD' eval 'add dummy && has "$(ip -n a addr show eth0)" 192.0.2.10/24 && has "$(ip -n a link show eth0)" ",UP"'
check 'dummy: CHECK agrees' passes CHECK dummy
check 'dummy: CHECK sees an address that is gone' sees 'does not have address' 'ip -n a addr del 192.0.2.10/24 dev eth0'
check 'dummy: the same again is refused' refused 999 eth0 ADD dummy "$(jq -c 'del(.prevResult)' <<<"$CONFIG")"
check 'dummy: DEL' eval 'passes DEL dummy && ! ip -n a link show eth0 2>/dev/null && passes DEL dummy'

world_end
plugin_end
done_testing
