#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# peers.sh - skerry net peer: hosts join and leave a network that spans hosts while it runs.
# shellcheck source=tests/integration/cni/lib.sh
. "$(dirname "$0")/../cni/lib.sh"

# three hosts on a switch; the network's file on each knows of no other host
ip link add switch type bridge && ip link set switch up
for h in 1 2 3; do
	netns host$h
	ip link add port$h type veth peer name up0 netns host$h
	ip link set port$h master switch up
	ip -n host$h addr add 192.0.2.$h/24 dev up0 && ip -n host$h link set up0 up
	netns c$h
	mkdir -p "$T/conf$h"
	cat >"$T/conf$h/red.conflist" <<-END
		{"cniVersion":"1.1.0","name":"red","plugins":[{"type":"bridge","bridge":"red0",
		"ipam":{"type":"static","addresses":[{"address":"10.7.0.$h/24"}]}},
		{"type":"vxlan","id":100,"dev":"up0","local":"192.0.2.$h"}]}
	END
	sed 's/red0/quiet0/; s/"red"/"quiet"/; s/10.7.0/10.8.0/; s/"id":100/"id":300,"learning":false,"flood":false/' "$T/conf$h/red.conflist" >"$T/conf$h/quiet.conflist"
	echo '{"cniVersion":"1.1.0","name":"flat","plugins":[{"type":"bridge"}]}' >"$T/conf$h/flat.conflist"
done
on() { # HOST VERB ARGUMENTS...
	local h=$1 verb=$2
	shift 2
	timeout 60 ip netns exec "host$h" "$NET" "$verb" --conf-dir "$T/conf$h" --cache-dir "$T/cache$h" --run-dir "$T/run$h" "$@"
}
reaches() { # NETNS ADDRESS: a second try, since a question that nobody answered is asked again after a second only
	pings "$@" || pings "$@" || pings "$@"
}
entries() { # HOST PEER: how many forwarding entries lead there
	ip netns exec "host$1" bridge fdb show | grep -c "dst $2 "
}
check 'no tunnel yet: peer says so' eval '! on 1 peer add red 192.0.2.2'
for h in 1 2 3; do
	check "a container on host $h" on $h add red c$h /run/netns/c$h
done
check 'alone: nobody is reached' eval 'unanswered c1 10.7.0.2'
check 'two hosts join' eval 'on 1 peer add red 192.0.2.2 && on 2 peer add red 192.0.2.1'
check '  and reach each other' eval 'reaches c1 10.7.0.2 && reaches c2 10.7.0.1'
check '  the third is a stranger' eval 'unanswered c1 10.7.0.3 && is 0 "$(entries 1 192.0.2.3)"'
check '  again is no error' eval 'on 1 peer add red 192.0.2.2 && reaches c1 10.7.0.2'
check 'the third joins both' eval 'on 3 peer add red 192.0.2.1 192.0.2.2 && on 1 peer add red 192.0.2.3 && on 2 peer add red 192.0.2.3'
check '  all reach all' eval 'reaches c1 10.7.0.3 && reaches c2 10.7.0.3 && reaches c3 10.7.0.1 && reaches c1 10.7.0.2'
check 'one leaves' eval 'on 1 peer rm red 192.0.2.2 && on 2 peer rm red 192.0.2.1'
check '  with all that was learnt of it' eval 'is 0 "$(entries 1 192.0.2.2)" && unanswered c1 10.7.0.2'
check '  the others stay' eval 'reaches c1 10.7.0.3 && reaches c2 10.7.0.3'
check '  again is no error' on 1 peer rm red 192.0.2.2
check 'refused: another word, a name that is no address, a network without tunnels, none at all' eval \
	'! on 1 peer move red 192.0.2.2 && ! on 1 peer add red host2 && ! on 1 peer add flat 192.0.2.2 && ! on 1 peer add blue 192.0.2.2'
mac_of() {
	ip netns exec "$1" cat /sys/class/net/eth0/address
}
check 'a hardware address is placed behind a host' eval 'on 1 peer add red 192.0.2.2 && on 2 peer add red 192.0.2.1 && on 1 peer place red 192.0.2.2 "$(mac_of c2)" &&
	ip netns exec host1 bridge fdb show | grep "$(mac_of c2)" | grep -q "dst 192.0.2.2 self permanent" && reaches c1 10.7.0.2'
check '  elsewhere: it is sent there and nowhere else' eval 'on 1 peer place red 192.0.2.3 "$(mac_of c2)" && unanswered c1 10.7.0.2'
check '  forgotten: found again' eval 'on 1 peer forget red "$(mac_of c2)" && is 0 "$(ip netns exec host1 bridge fdb show | grep -c "$(mac_of c2).*permanent")" && reaches c1 10.7.0.2'
check '  refused: no hardware address, none at all' eval '! on 1 peer place red 192.0.2.2 10.7.0.2 && ! on 1 peer place red 192.0.2.2 && ! on 1 peer forget red'
check 'the container sends no more than the tunnel takes' is 1450 "$(ip -n c1 -j link show eth0 | jq '.[0].mtu')"
check '  whole packets pass' eval 'pings c1 10.7.0.3 -s 1422'

# --- nothing to who isn't meant ---
received() { # frames that came out of the quiet tunnel of host 3
	ip netns exec host3 cat "/sys/class/net/$(ip -n host3 -br link show type vxlan master quiet0 | awk '{ print $1 }')/statistics/rx_packets"
}
quiet_mac() {
	ip netns exec "$1" cat /sys/class/net/eth1/address
}
check 'a network without flooding' eval 'for h in 1 2 3; do on $h add quiet c$h /run/netns/c$h -i eth1 >/dev/null || exit; done; on 1 peer add quiet 192.0.2.2 192.0.2.3 && on 2 peer add quiet 192.0.2.1 192.0.2.3'
check '  nobody is reached of whom nobody said where he is' eval 'unanswered c1 10.8.0.2'
check '  then he is' eval 'on 1 peer place quiet 192.0.2.2 "$(quiet_mac c2)" && on 2 peer place quiet 192.0.2.1 "$(quiet_mac c1)" && reaches c1 10.8.0.2'
# a multicast of IPv6's own may come in between
check '  and no other host gets a frame of it' eventually eval 'before=$(received) && pings c1 10.8.0.2 && pings c2 10.8.0.1 && pings c1 10.8.0.2 && is "$before" "$(received)"'
check '  detached' eval 'for h in 1 2 3; do on $h del quiet c$h -i eth1 && on $h gc quiet || exit; done'
for h in 1 2 3; do
	check "DEL on host $h" on $h del red c$h
	ip link del port$h
	netns_gone c$h
	netns_gone host$h
done
ip link del switch
net_end
done_testing
