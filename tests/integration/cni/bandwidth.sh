#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# shellcheck disable=SC2034 # variables are used in what check evaluates
# bandwidth.sh - plugin bandwidth: what iperf3 measures in both directions, CHECK, GC.
. "$(dirname "$0")/chain-lib.sh"
check 'two containers on a bridge' chain_begin
limits() { # limits NETNS RATES [KEYS]
	chain "$1" "\"type\":\"bandwidth\",\"runtimeConfig\":{\"bandwidth\":{$2}}${3:+,$3}"
}
BOTH='"ingressRate":20000000,"ingressBurst":4294967295,"egressRate":40000000,"egressBurst":4294967295'
iperf3 -s >/dev/null 2>&1 &
SERVERS+=($!)
listens host 5201

# measured NETNS OPTIONS...: Mbit/s over some seconds, by what was received
measured() {
	local ns=$1
	shift
	timeout 60 ip netns exec "$ns" iperf3 -J -c "${SERVER:-10.1.0.1}" -t "${FOR:-3}" "$@" | jq '.end.sum_received.bits_per_second / 1e6'
}
# about WANTED NETNS OPTIONS...: within 10 %; tried again, since the machine has other things to do
about() {
	tries 4 within 0.9 1.1 "$@"
}
within() { # LEAST MOST WANTED NETNS OPTIONS...
	local least=$1 most=$2 wanted=$3 got
	shift 3
	got=$(measured "$@")
	echo "# wanted $wanted, got $got Mbit/s"
	awk -v w="$wanted" -v g="$got" -v l="$least" -v m="$most" 'BEGIN { exit !(g >= w * l && g <= w * m) }'
}
# unlimited NETNS OPTIONS...: more than any limit here
unlimited() {
	FOR=1 tries 4 within 1 100000 100 "$@"
}
devices() {
	ip -br link show type ifb
}

check 'without a limit it is fast' unlimited a
limits a "$BOTH"
check 'ADD' add bandwidth
ifb=$(result '.interfaces[-1].name')
check '  the result has the device that limits' eval '[[ $ifb == bwp* ]] && is "$(ip -j link show $ifb | jq -r ".[0].address")" "$(result ".interfaces[-1].mac")"'
check '  what the container sends keeps to 40 Mbit/s' about 40 a
check '  what it receives keeps to 20 Mbit/s' about 20 a -R
check '  IPv6 as well' eval 'SERVER=fd01::1 tries 4 within 0.8 1.1 20 a -R'
check '  the neighbour is not limited' unlimited b
check '  CHECK agrees' passes CHECK bandwidth
port=$(jq -r '.interfaces[1].name' "$T/a.result")
check '  CHECK sees another rate' eval \
	'tc qdisc replace dev $port root handle 1: tbf rate 30mbit burst 250000 latency 25ms && refused 999 "has changed" CHECK bandwidth'
check '  CHECK sees that a limit is gone' eval 'tc qdisc del dev $port root && refused 999 "is gone" CHECK bandwidth'
check '  CHECK sees that the way through the device is gone' eval 'plugin ADD bandwidth >/dev/null
	passes DEL bandwidth; plugin ADD bandwidth && passes CHECK bandwidth && tc qdisc del dev $port ingress && refused 999 "led to" CHECK bandwidth'
check 'DEL' passes DEL bandwidth
check '  removes the device' is "" "$(devices)"
check '  twice is no error' passes DEL bandwidth
check '  without prevResult as well' passes DEL bandwidth "$(jq -c 'del(.prevResult)' <<<"$CONFIG")"
detach a && attach a

limits a '"egressRate":30000000,"egressBurst":1000000'
check 'egress alone' eval 'add bandwidth && passes CHECK bandwidth && ! tc qdisc show dev $(jq -r ".interfaces[1].name" "$T/a.result") | grep -q tbf &&
	about 30 a'
passes DEL bandwidth
detach a && attach a
limits a "$BOTH" '"ingressRate":10000000,"ingressBurst":1000000'
check "the network's own rates win over the runtime's" eval 'add bandwidth && is "" "$(devices)" && about 10 a -R'
passes DEL bandwidth
limits a ''
check 'no rates: nothing to do' eval 'add bandwidth && passes CHECK bandwidth && is "$(jq -S . "$T/a.result")" "$(jq -S . "$T/result")"'

# containerd writes the keys as Go's structs have them
limits b '"IngressRate":10000000,"IngressBurst":4294967295,"EgressRate":10000000,"EgressBurst":4294967295'
check "containerd's keys, in its letters" eval 'add bandwidth && about 10 b && about 10 b -R'
check 'GC keeps what is valid' eval 'gc b && isnt "" "$(devices)"'
check 'GC removes what is not' eval 'gc a && is "" "$(devices)"'

# --- a part of the traffic ------------------------------------------------------------------
fast() { # fast SERVER [OPTIONS...]: without a limit
	local SERVER=$1
	shift
	unlimited a "$@"
}
slow() { # slow MBIT SERVER [OPTIONS...]
	local SERVER=$2 FOR=3 wanted=$1
	shift 2
	about "$wanted" a "$@"
}
detach a && attach a
limits a "$BOTH,\"unshapedSubnets\":[\"192.0.2.0/24\",\"fd00:99::/48\"]"
check 'unshapedSubnets: ADD' add bandwidth
port=$(jq -r '.interfaces[1].name' "$T/a.result")
check '  what is exchanged with them has no limit' eval 'fast 192.0.2.1 && fast 192.0.2.1 -R && fast fd00:99::1 && fast fd00:99::1 -R'
check '  the rest has: sent' slow 40 10.1.0.1
check '  received' slow 20 10.1.0.1 -R
check '  IPv6 as well' slow 40 fd01::1
check '  CHECK agrees' passes CHECK bandwidth
check '  CHECK sees that a subnet is gone' eval \
	'tc filter del dev $port parent 1: protocol ip prio 16 && refused 999 "other networks" CHECK bandwidth'
check '  CHECK sees another subnet' eval 'tc filter add dev $port parent 1: protocol ip prio 16 u32 match ip src 198.51.100.0/24 flowid 1:1 &&
	refused 999 "other networks" CHECK bandwidth'
check '  CHECK sees another rate' eval 'tc filter del dev $port parent 1: protocol ip prio 16 && tc filter add dev $port parent 1: protocol ip prio 16 u32 match ip src 192.0.2.0/24 flowid 1:1 &&
	passes CHECK bandwidth && tc class change dev $port parent 1: classid 1:30 htb rate 30mbit burst 250000 && refused 999 "has changed" CHECK bandwidth'
check '  CHECK sees that the limit is gone' eval 'tc qdisc del dev $port root && refused 999 "is gone" CHECK bandwidth'
check '  DEL' eval 'passes DEL bandwidth && is "" "$(devices)"'
detach a && attach a
limits a '' "\"ingressRate\":20000000,\"ingressBurst\":4000000,\"egressRate\":40000000,\"egressBurst\":4000000,\"shapedSubnets\":[\"192.0.2.0/24\",\"fd00:99::/48\"]"
check 'shapedSubnets: ADD, by the network' add bandwidth
check '  what is exchanged with them has the limit: sent' slow 40 192.0.2.1
check '  received' slow 20 192.0.2.1 -R
check '  IPv6 as well' slow 20 fd00:99::1 -R
check '  the rest has none' eval 'fast 10.1.0.1 && fast 10.1.0.1 -R && fast fd01::1'
check '  CHECK agrees' passes CHECK bandwidth
check '  DEL' eval 'passes DEL bandwidth && is "" "$(devices)"'
detach a && attach a
many=$(seq 0 99 | sed 's/.*/"10.200.&.0\/24"/' | paste -sd,)
limits a "$BOTH,\"unshapedSubnets\":[$many,\"0.0.0.0\/0\"]"
check 'a hundred subnets and all' eval 'add bandwidth && passes CHECK bandwidth && fast 10.1.0.1 && passes DEL bandwidth'
limits a "$BOTH,\"unshapedSubnets\":[\"192.0.2.0/24\"],\"shapedSubnets\":[\"10.1.0.0/24\"]"
check 'both: code 7' refused 7 'exclude each other' ADD bandwidth
limits a "$BOTH,\"shapedSubnets\":[\"10.1.0.0\"]"
check 'no subnet: code 7' eval 'refused 7 "10.1.0.0" ADD bandwidth && is "" "$(devices)"'

for bad in '"ingressRate":1000' '"ingressBurst":1000' '"egressRate":1000' '"egressRate":4,"egressBurst":8' \
	'"egressRate":1000,"egressBurst":68719476736'; do
	limits a "$bad"
	check "$bad: code 7" eval 'refused 7 "" ADD bandwidth && is "" "$(devices)"'
done
limits a "$BOTH"
check 'an interface without an end on the host: an error' closing 'ip -n a link del eth5' \
	'ip -n a link add eth5 type bridge && IFNAME=eth5 refused 999 "no end on the host" ADD bandwidth'

chain_end
done_testing
