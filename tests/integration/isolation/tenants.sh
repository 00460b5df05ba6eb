#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# shellcheck disable=SC2034 # variables are used in what check evaluates
# tenants.sh - plugin tenant: two networks with the same addresses and ports, side by side.
# shellcheck source=tests/integration/isolation/tenant-lib.sh
. "$(dirname "$0")/tenant-lib.sh"

tenant() { # NETNS NETWORK [KEYS]: makes $CONFIG
	ID=$1
	NETNS=/run/netns/$1
	CONFIG=$(jq -c ". + {${3-}}" <<<"{\"cniVersion\":\"1.1.0\",\"name\":\"$2\",\"type\":\"tenant\",\"isDefaultGateway\":true,
		\"ipMasq\":true,\"ipam\":{\"type\":\"host-local\",\"dataDir\":\"$DATA\",\"ranges\":[[{\"subnet\":\"10.9.0.0/24\"}]]}}")
}
router() { # NETWORK COMMAND...
	local network=$1
	shift
	nsenter --net="/run/skerry/netns/net-$network" "$@"
}

check 'two containers and a world' eval 'netns a && netns b && world'
tenant a red "$(port 8081)"
check 'ADD of red' add tenant
red=$CONFIG
check '  its address' is 10.9.0.2 "$(address a)"
check '  the result says where the bridge is' is /run/skerry/netns/net-red "$(result '.interfaces[0].sandbox')"
check '  CHECK agrees' passes CHECK tenant
tenant b blue "$(port 8082)"
check 'ADD of blue' add tenant
blue=$CONFIG
check '  the same address' is 10.9.0.2 "$(address b)"
check '  CHECK agrees' passes CHECK tenant
check 'both reach the world' eval 'pings a 192.0.2.2 && pings b 192.0.2.2'
check 'servers' eval 'serve world 9000 "echo \\\$SOCAT_PEERADDR" && serve world 9001 "echo held; exec cat >/dev/null" &&
	serve a 80 "$(say red)" && serve b 80 "$(say blue)"'
check '  as the host' eval 'is 192.0.2.1 "$(from a 192.0.2.2 9000)" && is 192.0.2.1 "$(from b 192.0.2.2 9000)"'
check '  at once, from the same address and port' both_hold
check 'a port of the host leads to each' eval 'is red "$(from world 192.0.2.1 8081)" && is blue "$(from world 192.0.2.1 8082)"'
check 'one cannot reach the other: its own address answers' is red "$(from a 10.9.0.2 80)"
# a packet of the tenant's own may be counted in between (of a connection that ends, of IPv6)
check '  nor does a packet cross' eventually eval 'before=$(router red ip -j -s link show cni0 | jq ".[0].stats64.rx.packets")
	pings b 192.0.2.2 >/dev/null
	is "$before" "$(router red ip -j -s link show cni0 | jq ".[0].stats64.rx.packets")"'
check 'a flood of connections is in its own table' eval '
	before=$(router blue cat /proc/sys/net/netfilter/nf_conntrack_count)
	ip netns exec a bash -c "for i in {1..500}; do echo >/dev/udp/10.9.0.1/\$((20000 + i)); done" 2>/dev/null
	least=$(router red cat /proc/sys/net/netfilter/nf_conntrack_count)
	after=$(router blue cat /proc/sys/net/netfilter/nf_conntrack_count)
	echo "# red $least blue $before $after"; [ "$least" -ge 400 ] && [ "$after" -le "$((before + 5))" ]'
check 'GC keeps what is valid' eval 'passes GC tenant "$(jq -c "del(.prevResult) | .\"cni.dev/valid-attachments\" = [{containerID: \"b\", ifname: \"eth0\"}]" <<<"$blue")" &&
	CONFIG=$blue passes CHECK tenant'
CONFIG=$red ID=a NETNS=/run/netns/a
CONFIG=$(jq -c '.type = "shape" | .uplink = "up0" | .linkRate = "100mbit" | .network = { "rate": "5mbit", "ceil": "8mbit" } |
	del(.runtimeConfig) | .dataDir = "'"$T/shapes"'"' <<<"$red") ID=a NETNS=/run/netns/a
ip netns exec world iperf3 -s >/dev/null 2>&1 &
SERVERS+=($!)
listens world 5201
check 'a tenant has a share of the uplink' eval 'plugin ADD shape && passes CHECK shape'
for way in '' -R; do
	check "  which is its limit ${way:-up}" tries 3 eval 'rate=$(timeout 60 ip netns exec a iperf3 -J -c 192.0.2.2 -O 1 -t 3 $way | jq ".end.sum_received.bits_per_second / 1e6")
		echo "# $rate"; awk -v r="$rate" "BEGIN { exit !(r > 6 && r < 9) }"'
done
check '  and goes' passes DEL shape
CONFIG=$red
check 'CHECK sees that the way to the host is gone' eval 'ip link del "$(jq -r ".prevResult.interfaces[-1].name" <<<"$red")" && refused 999 "" CHECK tenant'
check 'DEL of red' passes DEL tenant
check '  twice is no error' passes DEL tenant
check '  blue does not notice' eval 'is blue "$(from world 192.0.2.1 8082)" && pings b 192.0.2.2'
CONFIG=$blue ID=b NETNS=/run/netns/b
check 'GC removes what is not valid' eval 'passes GC tenant "$(jq -c "del(.prevResult) | .\"cni.dev/valid-attachments\" = []" <<<"$blue")"'
check 'nothing is left' eval 'is "" "$(ls /run/skerry/netns /run/skerry/tenant | grep -v :)" && is "" "$(ip -br link show | grep "^tn")" &&
	is 0 "$(nft -j list ruleset | jq "[.nftables[].map.elem // empty] | length")" && is "" "$(find "$DATA" -name "10.*")"'
tenant a red
for bad in '"isolation":"none"' '"transit":"10.0.0.0/30"' '"transit":"fd00::/16"'; do
	tenant a red "$bad"
	check "$bad: code 7" refused 7 '' ADD tenant
done

servers_end
world_end
plugin_end
done_testing
