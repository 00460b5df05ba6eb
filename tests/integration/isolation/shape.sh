#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# shellcheck disable=SC2034 # variables are used in what check evaluates
# shape.sh - plugin shape: guarantees, lending and priorities as iperf3 measures them, both directions.
# shellcheck source=tests/integration/cni/plugin-lib.sh
. "$(dirname "$0")/../cni/plugin-lib.sh"

# Two networks, gold and base, share up0 (60 Mbit/s) towards the world.
LINK=60
declare -A RESULT
SERVERS=()
SHAPES=$T/shapes
bridge_of() { # NETWORK SUBNET
	echo "{\"cniVersion\":\"1.1.0\",\"name\":\"$1\",\"type\":\"bridge\",\"bridge\":\"cni-$1\",
		\"isDefaultGateway\":true,\"ipMasq\":true,\"ipam\":{\"type\":\"host-local\",\"dataDir\":\"$DATA\",
		\"ranges\":[[{\"subnet\":\"$2\"}]]}}"
}
attach() { # NETNS NETWORK SUBNET
	local ID=$1 NETNS=/run/netns/$1
	plugin ADD bridge "$(bridge_of "$2" "$3")" || {
		echo "$out"
		return 1
	}
	RESULT[$1]=$out
}
# share NETNS NETWORK KEYS: $CONFIG is shape behind that container's bridge.
share() {
	ID=$1
	NETNS=/run/netns/$1
	CONFIG=$(jq -c --argjson r "${RESULT[$1]}" '.prevResult = $r' <<<"{\"cniVersion\":\"1.1.0\",\"name\":\"$2\",
		\"type\":\"shape\",\"uplink\":\"up0\",\"linkRate\":\"${LINK}mbit\",\"dataDir\":\"$SHAPES\",$3}")
}
gold() {
	share a gold '"network":{"rate":"40mbit","prio":1}'
}
base() {
	share b base "\"network\":{\"rate\":\"10mbit\",\"prio\":${1:-1}}${2-}"
}
# measured NETNS PORT OPTIONS...: Mbit/s by what was received
measured() {
	local ns=$1 port=$2
	shift 2
	timeout 60 ip netns exec "$ns" iperf3 -J -c 192.0.2.2 -p "$port" -O 1 -t 4 "$@" | jq '.end.sum_received.bits_per_second / 1e6'
}
# both OPTIONS...: $A and $B while both send
both() {
	measured a 5201 "$@" >"$T/rate.a" &
	local pid=$!
	measured b 5202 "$@" >"$T/rate.b"
	wait "$pid"
	A=$(cat "$T/rate.a") B=$(cat "$T/rate.b")
	echo "# a $A b $B Mbit/s"
}
least() { # VALUE LEAST: 0.9 of what is guaranteed on the wire, whose headers take 5 of 100
	awk -v v="$1" -v l="$2" 'BEGIN { exit !(v >= l * 0.9) }' || {
		echo "$1 is less than 0.9 of $2"
		return 1
	}
}
most() {
	awk -v v="$1" -v m="$2" 'BEGIN { exit !(v <= m) }' || {
		echo "$1 is more than $2"
		return 1
	}
}
twice() { # or more often: the machine has other things to do
	tries 4 "$@"
}
alone() { # NETNS PORT OPTIONS...
	local rate
	rate=$(measured "$@") && echo "# $rate Mbit/s" && least "$rate" $LINK && most "$rate" $LINK
}
ceiling() { # MOST OPTIONS...: what b gets
	local most=$1
	shift
	most "$(measured b 5202 "$@")" "$most"
}
together() { # LEAST-OF-A LEAST-OF-B OPTIONS...
	local a=$1 b=$2
	shift 2
	both "$@" && least "$A" "$a" && least "$B" "$b" && most "$(jq -n "$A + $B")" $LINK
}

check 'two networks and a world' eval 'netns a && netns b && world && attach a gold 10.9.0.0/24 && attach b base 10.10.0.0/24'
for port in 5201 5202; do
	ip netns exec world iperf3 -s -p $port >/dev/null 2>&1 &
	SERVERS+=($!)
done
listens world 5201
listens world 5202
gold
check 'ADD of the first' eval 'plugin ADD shape && is "$(jq -S . <<<"${RESULT[a]}")" "$(jq -S . <<<"$out")"'
check '  CHECK agrees' passes CHECK shape
base
check 'ADD of the second' eval 'plugin ADD shape && passes CHECK shape'
check 'alone each gets the whole link' eval 'twice alone a 5201 && twice alone b 5202'
check '  on the way back as well' eval 'twice alone a 5201 -R && twice alone b 5202 -R'
# seen WAY NETWORK FILTER: top says so of that network while a sends
seen() {
	N top --json --count 1 --interval 2s --shares "$SHAPES" >"$T/top"
	jq -e ".[] | select(.network == \"$2\" and .direction == \"$1\" and .container == null) | $3" "$T/top" >/dev/null || {
		cat "$T/top"
		return 1
	}
}
live() {
	local pid rc=0
	measured a 5201 >/dev/null &
	pid=$!
	sleep 1.2
	seen up gold '.rate > 50e6 and .guarantee == 40e6 and .borrowed > 10e6' && seen up base '.rate < 1e6 and .borrowed == 0' || rc=1
	wait "$pid"
	return $rc
}
check 'top shows it live: rate, guarantee, borrowed' twice live
check '  as a table' eval 'N top -n 1 -i 10ms --shares "$SHAPES" | grep -Eq "^gold +[*] +up0 +up +[0-9.]+[kmg]?bit +40.0mbit +0bit +[0-9]+$"'
check '  nothing without shares' eval 'is 1 "$(N top -n 1 -i 10ms --shares "$T/none" | wc -l)"'
check '  a time that is none: an error' eval '! N top -i never'
# quick: what b is guaranteed is taken back from a within a second, and given back as soon
quick() {
	ip netns exec a timeout 60 iperf3 -J -i 1 -c 192.0.2.2 -p 5201 -t 9 >"$T/quick.a" &
	local pid=$!
	sleep 2
	ip netns exec b timeout 60 iperf3 -J -i 1 -c 192.0.2.2 -p 5202 -t 3 >"$T/quick.b"
	wait "$pid"
	echo "# b $(jq -c '[.intervals[].sum.bits_per_second / 1e6 | floor]' "$T/quick.b") a $(jq -c '[.intervals[].sum.bits_per_second / 1e6 | floor]' "$T/quick.a")"
	least "$(jq '.intervals[1].sum.bits_per_second / 1e6' "$T/quick.b")" 10 && least "$(jq '[.intervals[6:8][].sum.bits_per_second / 1e6] | max' "$T/quick.a")" $LINK
}
check 'a guarantee is taken back and given back within a second' twice quick
check 'together each gets what it is guaranteed' twice together 40 10
check '  on the way back as well' twice together 40 10 -R

passes DEL shape
base 0
check 'the better priority gets what is left over' eval 'plugin ADD shape && twice together 40 18'
check '  on the way back as well' twice together 40 18 -R
passes DEL shape
base 2
check 'the worse one does not' eval 'plugin ADD shape && twice together 46 10 && most "$B" 12'
passes DEL shape

base 1 ',"container":{"rate":"4mbit","ceil":"8mbit"}'
check 'a container has a ceiling of its own' eval 'plugin ADD shape && passes CHECK shape && twice ceiling 9 && twice ceiling 9 -R'
passes DEL shape
base 1 ',"runtimeConfig":{"bandwidth":{"ingressRate":6000000,"ingressBurst":1000000,"egressRate":3000000,"egressBurst":1000000}}'
check "  the runtime's rates are ceilings" eval 'plugin ADD shape && twice ceiling 4 && twice ceiling 7 -R'
passes DEL shape

share b base '"network":{"rate":"21mbit"}'
check 'more guarantees than the link has: code 7, which says so' eval 'refused 7 "would be guaranteed 61.0mbit" ADD shape'
check '  and nothing is left of it' eval '! grep -q base "$SHAPES/shares.json" && passes DEL shape'
share b base '"network":{"rate":"21mbit"},"overcommit":"allow"'
check '  unless that is allowed' eval 'plugin ADD shape && passes DEL shape'
for bad in '"network":{"rate":"fast"}' '"network":{"rate":"1kbit"}' '"network":{"rate":"1mbit","prio":8}' \
	'"network":{"rate":"2mbit","ceil":"1mbit"}' '"network":{"rate":"1mbit"},"direction":"sideways"' \
	'"network":{"rate":"1mbit"},"uplink":"a/b"'; do
	share b base "$bad"
	check "$bad: code 7" refused 7 '' ADD shape
done
share b base '"network":{}'
check 'no guarantee at all: code 6' refused 6 /network/rate ADD shape
share b base '"network":{"rate":"5mbit"},"linkRate":"100mbit"'
check 'two rates of one link: code 7' refused 7 linkRate ADD shape

gold
check 'CHECK sees that a share is gone' eval 'tc class del dev up0 classid 5ce7:11; tc qdisc del dev up0 root; refused 999 "is gone" CHECK shape'
check 'DEL does not mind' passes DEL shape
check '  nor a second time' passes DEL shape
check 'nothing is left' eval 'is "" "$(ip -br link show type ifb)" && ! tc qdisc show | grep -E "htb|clsact" &&
	[ ! -e "$SHAPES/shares.json" ] && is 0 "$(nft -j list table ip skerry_shape | jq "[.nftables[].map.elem // empty] | length")"'
gold
plugin ADD shape
check 'GC removes what is not valid' eval 'passes GC shape "$(jq -c "del(.prevResult) | .\"cni.dev/valid-attachments\" = []" <<<"$CONFIG")" &&
	is "" "$(ip -br link show type ifb)" && [ ! -e "$SHAPES/shares.json" ]'
tc qdisc replace dev up0 root handle 7: tbf rate 1gbit burst 100k latency 25ms
check "a discipline of somebody else's is left alone" eval 'refused 999 "of its own" ADD shape && tc qdisc show dev up0 | grep -q "tbf 7:"'
tc qdisc del dev up0 root

for pid in "${SERVERS[@]}"; do
	safe_kill TERM "$pid"
done
wait
world_end
plugin_end
done_testing
