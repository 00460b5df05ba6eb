#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# shellcheck disable=SC2034 # variables are used in what check evaluates
# policy.sh - plugin tenant with isolation "policy": the same addresses and ports side by side without a
# router in between.
# shellcheck source=tests/integration/isolation/tenant-lib.sh
. "$(dirname "$0")/tenant-lib.sh"

tenant() { # NETNS NETWORK [KEYS]: makes $CONFIG
	ID=$1
	NETNS=/run/netns/$1
	CONFIG=$(jq -c ". + {${3-}}" <<<"{\"cniVersion\":\"1.1.0\",\"name\":\"$2\",\"type\":\"tenant\",\"isolation\":\"policy\",\"isDefaultGateway\":true,
		\"ipMasq\":true,\"maxConnections\":200,\"ipam\":{\"type\":\"host-local\",\"dataDir\":\"$DATA\",\"ranges\":[[{\"subnet\":\"10.9.0.0/24\"}]]}}")
}
# both_enter: one client of the world, from one port, to both published ports at the same time
both_enter() {
	hold world 192.0.2.2:41000 192.0.2.1:8081 enter.a
	hold world 192.0.2.2:41000 192.0.2.1:8082 enter.b
	both_heard 'sport = :41000' enter.a red enter.b blue
}
bridge_of() { # NETNS
	ip netns exec "$1" true && jq -r '.interfaces[0].name' "$T/result.$1"
}
flood() { # NETNS: 600 connections of UDP to the world
	ip netns exec "$1" bash -c 'for i in {1..600}; do echo >/dev/udp/192.0.2.2/$((20000 + i)); done' 2>/dev/null
}

check 'two containers and a world' eval 'netns a && netns b && world'
tenant a red "$(port 8081)"
check 'ADD of red' add tenant
cp "$T/result" "$T/result.a"
red=$CONFIG
check '  its address' is 10.9.0.2 "$(address a)"
check '  CHECK agrees' passes CHECK tenant
tenant b blue "$(port 8082)"
check 'ADD of blue' add tenant
cp "$T/result" "$T/result.b"
blue=$CONFIG
check '  the same address' is 10.9.0.2 "$(address b)"
check '  CHECK agrees' passes CHECK tenant
check '  a bridge of its own' isnt "$(bridge_of a)" "$(bridge_of b)"
check 'both reach their gateway and the world' eval 'pings a 10.9.0.1 && pings b 10.9.0.1 && pings a 192.0.2.2 && pings b 192.0.2.2'
check 'servers' eval 'serve world 9000 "echo \\\$SOCAT_PEERADDR" && serve world 9001 "echo held; exec cat >/dev/null" &&
	serve a 80 "$(say red)" && serve b 80 "$(say blue)"'
check '  as the host' eval 'is 192.0.2.1 "$(from a 192.0.2.2 9000)" && is 192.0.2.1 "$(from b 192.0.2.2 9000)"'
check '  at once, from the same address and port' both_hold
check 'a port of the host leads to each' eval 'is red "$(from world 192.0.2.1 8081)" && is blue "$(from world 192.0.2.1 8082)"'
check '  at once, from the same port of the world' both_enter
check '  from the host itself too' eval 'is red "$(timeout 60 socat -u TCP:192.0.2.1:8081,connect-timeout=15 -)" && is blue "$(timeout 60 socat -u TCP:192.0.2.1:8082,connect-timeout=15 -)"'
check 'one cannot reach the other: its own address answers' is red "$(from a 10.9.0.2 80)"
# a packet of the tenant's own may be counted in between (of a connection that ends, of IPv6)
check '  nor does a packet cross' eventually eval 'before=$(ip -j -s link show "$(bridge_of a)" | jq ".[0].stats64.rx.packets")
	pings b 192.0.2.2 >/dev/null && is "$before" "$(ip -j -s link show "$(bridge_of a)" | jq ".[0].stats64.rx.packets")"'
check 'nobody speaks for another address' eval 'ip -n a addr add 10.9.0.77/24 dev eth0 && unanswered a 192.0.2.2 -I 10.9.0.77 && ip -n a addr del 10.9.0.77/24 dev eth0 && pings a 192.0.2.2'
check '  nor with another hardware address' eval 'mac=$(ip netns exec a cat /sys/class/net/eth0/address); ip -n a link set eth0 address 02:11:22:33:44:55; unanswered a 192.0.2.2; status=$?
	ip -n a link set eth0 address "$mac"; ip -n a route replace default via 10.9.0.1; [ $status = 0 ] && pings a 192.0.2.2'
check 'a flood of connections is limited, the other tenant goes on' eval '
	before=$(cat /proc/sys/net/netfilter/nf_conntrack_count); flood a; after=$(cat /proc/sys/net/netfilter/nf_conntrack_count)
	echo "# $before $after"; [ $((after - before)) -ge 100 ] && [ $((after - before)) -le 220 ] && pings b 192.0.2.2 && is 192.0.2.1 "$(from b 192.0.2.2 9000)"'
check 'GC keeps what is valid' eval 'passes GC tenant "$(jq -c "del(.prevResult) | .\"cni.dev/valid-attachments\" = [{containerID: \"b\", ifname: \"eth0\"}]" <<<"$blue")" &&
	CONFIG=$blue passes CHECK tenant && is blue "$(from world 192.0.2.1 8082)"'
CONFIG=$red ID=a NETNS=/run/netns/a
check 'CHECK sees that a rule is gone' eval 'nft delete element ip skerry_tenant zones "{ \"$(bridge_of a)\" }" && refused 999 gone CHECK tenant'
check 'DEL of red' passes DEL tenant
check '  twice is no error' passes DEL tenant
check '  blue does not notice' eval 'is blue "$(from world 192.0.2.1 8082)" && pings b 192.0.2.2'
CONFIG=$blue ID=b NETNS=/run/netns/b
check 'GC removes what is not valid' eval 'passes GC tenant "$(jq -c "del(.prevResult) | .\"cni.dev/valid-attachments\" = []" <<<"$blue")"'
check 'nothing is left' eval 'is "" "$(find /run/skerry/tenant -mindepth 1)" && is "" "$(ip -br link show | grep "^tp")" && is 3 "$(ip -4 rule | wc -l)" &&
	is 0 "$(nft -j list ruleset | jq "[.nftables[].map.elem // empty, .nftables[].set.elem // empty] | length")" && is "" "$(find "$DATA" -name "10.*")"'

# --- both families ------------------------------------------------------------------------
ip addr add fd09::1/64 dev up0 nodad && ip -n world addr add fd09::2/64 dev eth0 nodad
both() { # NETNS NETWORK [KEYS]: a tenant with both
	tenant "$@"
	CONFIG=$(jq -c '.ipam.ranges += [[{subnet: "fd00::/64"}]]' <<<"$CONFIG")
}
both a red "$(port 8081)"
check 'IPv6 beside IPv4: ADD of red' add tenant
cp "$T/result" "$T/result.a"
red=$CONFIG
both b blue "$(port 8082)"
check '  ADD of blue' add tenant
cp "$T/result" "$T/result.b"
blue=$CONFIG
check '  the same addresses, default routes of both families' eval 'is "$(jq -c ".ips | map(.address)" "$T/result.a")" "$(result ".ips | map(.address) | tojson")" &&
	is "0.0.0.0/0 ::/0" "$(result "[.routes[].dst] | sort | join(\" \")")" && has "$(ip -n a -6 addr show eth0)" fd00::2/64 && has "$(ip -n b -6 addr show eth0)" fd00::2/64'
check '  CHECK agrees' eval 'CONFIG=$red ID=a NETNS=/run/netns/a passes CHECK tenant && CONFIG=$blue ID=b NETNS=/run/netns/b passes CHECK tenant'
check '  both reach their gateway and the world, as the host' eval 'pings a fd00::1 && pings b fd00::1 && pings a fd09::2 && pings b fd09::2 && pings a 192.0.2.2'
check '  servers' eval 'serve a 80 "echo red" 6 && serve b 80 "echo blue" 6 && serve world 9006 "echo \\\$SOCAT_PEERADDR" 6'
check '  masquerade' eval 'has "$(from a "[fd09::2]" 9006)" "fd09:0000:0000:0000:0000:0000:0000:0001" && has "$(from b "[fd09::2]" 9006)" "fd09:0000:0000:0000:0000:0000:0000:0001"'
check '  a port of the host leads to each' eval 'is red "$(from world "[fd09::1]" 8081)" && is blue "$(from world "[fd09::1]" 8082)"'
check '  one cannot reach the other: its own address answers' is red "$(from a "[fd00::2]" 80)"
check '  no packet crosses' eventually eval 'before=$(ip -j -s link show "$(bridge_of a)" | jq ".[0].stats64.rx.packets")
	pings b fd09::2 >/dev/null && is "$before" "$(ip -j -s link show "$(bridge_of a)" | jq ".[0].stats64.rx.packets")"'
check '  nobody speaks for another address' eval 'ip -n a addr add fd00::77/64 dev eth0 nodad && unanswered a fd09::2 -I fd00::77 && ip -n a addr del fd00::77/64 dev eth0 && pings a fd09::2'
# a tenant of IPv4 alone is not to get out by an IPv6 that it gives itself
tenant c green
netns c
check '  nor where the network has no IPv6' eval 'add tenant && cp "$T/result" "$T/result.c" && ip -n c addr add fd00::2/64 dev eth0 nodad &&
	ip -n c route add default via "$(ip -j -6 addr show dev "$(bridge_of c)" scope link | jq -r ".[0].addr_info[0].local")" dev eth0 && unanswered c fd09::2 -I fd00::2'
check '  DEL of all' eval 'passes DEL tenant && CONFIG=$red ID=a NETNS=/run/netns/a passes DEL tenant && pings b fd09::2 && CONFIG=$blue ID=b NETNS=/run/netns/b passes DEL tenant'
check '  nothing is left' eval 'is "" "$(find /run/skerry/tenant -mindepth 1)" && is "" "$(ip -br link show | grep "^tp")" && is 2 "$(ip -6 rule | wc -l)" &&
	is 0 "$(nft -j list ruleset | jq "[.nftables[].map.elem // empty, .nftables[].set.elem // empty] | length")"'
tenant a red '"runtimeConfig":{"portMappings":[{"hostPort":1,"containerPort":80,"hostIP":"192.0.2.1"}]}'
check 'a port on one address: code 7, nothing left' eval 'refused 7 "all addresses" ADD tenant && is "" "$(ip -br link show | grep "^tp")" && is "" "$(find "$DATA" -name "10.*")"'

servers_end
world_end
plugin_end
done_testing
