#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: vm
# shellcheck disable=SC2034 # what checks evaluate
# vrf.sh - plugin vrf: a routing table of its own for an interface.
. "$(dirname "$0")/chain-lib.sh"
check 'two containers on a bridge' chain_begin
vrf() { # vrf KEYS
	chain a "\"type\":\"vrf\",$1"
}
vrf '"vrfname":"blue"'
check 'ADD' add vrf
check '  the interface belongs to it' is blue "$(ip -n a -j link show eth0 | jq -r '.[0].master')"
check '  addresses of both families are there' eval 'has "$(ip -n a addr show eth0)" 10.1.0 && has "$(ip -n a addr show eth0)" fd01::'
check '  the default routes moved into it' eval \
	'has "$(ip -n a route show vrf blue)" "default via 10.1.0.1" && has "$(ip -n a -6 route show vrf blue)" "default via fd01::1"'
check '  and out of the main table' eval 'lacks "$(ip -n a route)" default && lacks "$(ip -n a -6 route)" "default via"'
check '  the world is reached through it' eval 'pings a 192.0.2.2 -I blue'
check '  and not without' eval 'unanswered a 192.0.2.2'
check '  CHECK agrees' passes CHECK vrf
first=$CONFIG
ip -n a link add eth1 type veth peer name eth2
ip -n a link set eth1 up
check '  a second interface in the same VRF' eval 'CONFIG=$(jq -c ".prevResult.interfaces[-1].name = \"eth1\" | del(.prevResult.ips)" <<<"$first") &&
	IFNAME=eth1 plugin ADD vrf && is blue "$(ip -n a -j link show eth1 | jq -r ".[0].master")"'
check '  DEL of one leaves the VRF' eval 'IFNAME=eth1 passes DEL vrf && ip -n a link show blue && CONFIG=$first && passes CHECK vrf'
check '  CHECK sees that it left' eval 'ip -n a link set eth0 nomaster && refused 999 blue CHECK vrf'
check '  DEL removes the VRF with its last interface' eval 'passes DEL vrf && ! ip -n a link show blue 2>/dev/null && passes DEL vrf'
ip -n a link del eth1
vrf '"vrfname":"red","table":77'
check 'a table by number' eval 'add vrf && has "$(ip -n a -d link show red)" "vrf table 77" && passes CHECK vrf'
check '  CHECK sees another one' refused 999 'table 77, not 78' CHECK vrf "$(jq -c '.table = 78' <<<"$CONFIG")"
check '  the VRF with another table: code 7' refused 7 'different routing table' ADD vrf "$(jq -c '.table = 78' <<<"$CONFIG")"
check '  DEL' eval 'passes DEL vrf && ! ip -n a link show red 2>/dev/null'

chain_end
done_testing
