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
sleep 0.5

# measured NETNS OPTIONS...: Mbit/s over four seconds, by what was received
measured() {
	local ns=$1
	shift
	timeout 20 ip netns exec "$ns" iperf3 -J -c 10.1.0.1 -t 4 "$@" | jq '.end.sum_received.bits_per_second / 1e6'
}
# about WANTED NETNS OPTIONS...: within 10 %; a second try, since the machine has other things to do
about() {
	local wanted=$1 got
	shift
	for _ in 1 2; do
		got=$(measured "$@")
		awk -v w="$wanted" -v g="$got" 'BEGIN { exit !(g >= w * 0.9 && g <= w * 1.1) }' && echo "# $got Mbit/s" && return
	done
	echo "wanted $wanted, got $got Mbit/s"
	return 1
}
devices() {
	ip -br link show type ifb
}

check 'without a limit it is fast' eval 'awk -v g="$(measured a)" "BEGIN { exit !(g > 200) }"'
limits a "$BOTH"
check 'ADD' add bandwidth
ifb=$(result '.interfaces[-1].name')
check '  the result has the device that limits' eval '[[ $ifb == bwp* ]] && is "$(ip -j link show $ifb | jq -r ".[0].address")" "$(result ".interfaces[-1].mac")"'
check '  what the container sends keeps to 40 Mbit/s' about 40 a
check '  what it receives keeps to 20 Mbit/s' about 20 a -R
check '  IPv6 as well' eval 'got=$(timeout 20 ip netns exec a iperf3 -J -6 -c fd01::1 -t 3 -R | jq ".end.sum_received.bits_per_second / 1e6") &&
	echo $got && awk -v g="$got" "BEGIN { exit !(g > 16 && g < 22) }"'
check '  the neighbour is not limited' eval 'awk -v g="$(measured b)" "BEGIN { exit !(g > 200) }"'
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

for bad in '"ingressRate":1000' '"ingressBurst":1000' '"egressRate":1000' '"egressRate":4,"egressBurst":8' \
	'"egressRate":1000,"egressBurst":68719476736'; do
	limits a "$bad"
	check "$bad: code 7" eval 'refused 7 "" ADD bandwidth && is "" "$(devices)"'
done
limits a "$BOTH"
check 'an interface without an end on the host: an error' eval \
	'ip -n a link add eth5 type bridge && IFNAME=eth5 refused 999 "no end on the host" ADD bandwidth; ip -n a link del eth5'

chain_end
done_testing
