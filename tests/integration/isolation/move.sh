#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# shellcheck disable=SC2034 # variables are used in what check evaluates
# move.sh - skerry net move: an address goes to another host, and no datagram is lost.
#
# Three hosts on a switch.  A container on host 3 sends 2,000 datagrams or more at 1 kHz to the container
# "m", of which both hosts have an incarnation that counts.
# these bring interfaces of their own, which the inventory would take for left behind
[ "${SKERRY_LANE-}" != vm ] || modprobe -a ip_gre ipip
# shellcheck source=tests/integration/cni/lib.sh
. "$(dirname "$0")/../cni/lib.sh"

DATAGRAMS=$HERE/tools/datagrams.py
COUNT=2000
RATE=1000
# The machine may be so slow that a socket's buffer is full before its reader runs.
[ "$SKERRY_LANE" != vm ] || COUNT=200 RATE=100
ip link add switch type bridge && ip link set switch up
for h in 1 2 3; do
	netns host$h
	ip link add port$h type veth peer name up0 netns host$h
	ip link set port$h master switch up
	ip -n host$h addr add 192.0.2.$h/24 dev up0 && ip -n host$h link set up0 up
	ip -n host$h route add default via 192.0.2.$((h % 3 + 1))
	mkdir -p "$T/conf$h"
done
list() { # HOST NETWORK PLUGINS
	echo "{\"cniVersion\":\"1.1.0\",\"name\":\"$2\",\"plugins\":[$3]}" >"$T/conf$1/$2.conflist"
}
on() { # HOST VERB ARGUMENTS...
	local h=$1 verb=$2
	shift 2
	timeout 60 ip netns exec "host$h" "$NET" "$verb" --conf-dir "$T/conf$h" --cache-dir "$T/cache$h" --run-dir "$T/run$h" "$@"
}
counters() { # [echo]: the incarnations of m, in the namespaces m1 and m2; m1 answers with "echo" only
	local how=${1-}
	for h in 1 2; do
		: >"$T/got$h"
		# shellcheck disable=SC2086 # nothing, or a word
		ip netns exec m$h /usr/bin/python3 "$DATAGRAMS" count 5000 "$T/got$h" $how </dev/null >"$T/count$h.err" 2>&1 &
		PIDS+=($!)
		how='echo'
	done
	eventually eval 'ip netns exec m1 ss -Hlun sport = :5000 | grep -q . && ip netns exec m2 ss -Hlun sport = :5000 | grep -q .'
}
stop() {
	local pid
	for pid in "${PIDS[@]}"; do
		safe_kill KILL "$pid"
	done
	wait 2>/dev/null
	PIDS=()
}
stream() { # NETNS ADDRESS: begins
	rm -f "$T/stop"
	ip netns exec "$1" /usr/bin/python3 "$DATAGRAMS" send "$2" 5000 $COUNT $RATE "$T/stop" </dev/null >"$T/back" 2>"$T/send.err" &
	SENDER=$!
	eventually test -s "$T/got1"
	sleep 0.3
}
# arrived [silent]: all of them, some here and some there, and the answers as well (host 1 gave none: silent)
arrived() {
	local lost sent answers back
	eventually test -s "$T/got2"
	sleep 0.5
	: >"$T/stop"
	wait "$SENDER"
	read -r sent back <"$T/back"
	answers=$sent
	PATIENCE=10 eventually eval '[ "$(cat "$T"/got[12] | sort -nu | wc -l)" = '"$sent"' ]'
	lost=$((sent - $(cat "$T"/got[12] | sort -nu | wc -l)))
	echo "# sent $sent, host 1: $(wc -l <"$T/got1"), host 2: $(wc -l <"$T/got2"), lost $lost, answers $back" | tee -a "$T/figures"
	cat "$T/send.err"
	[ "${1-}" != silent ] || answers=$(wc -l <"$T/got2")
	[ "$sent" -ge $COUNT ] && is 0 "$lost" && [ -s "$T/got1" ] && [ -s "$T/got2" ] && is "$answers" "$back"
}
# state HOST: what the kernel has there that a move may change
state() {
	ip netns exec "host$1" bash -c 'ip -br link; ip rule; ip -6 rule; ip -4 route show table all; ip neigh show proxy
		bridge fdb show | grep -v "self permanent"; bridge link' | sed 's/@[^ ]*//; s/[0-9]* \(sec\|used\).*//' | sort
}
PIDS=()

# --- one segment: VXLAN ------------------------------------------------------------
# the virtual machine, which is slow, is for the tunnels that this host may lack
modes=(true false) kinds=(vxlan gre ipip)
[ "${SKERRY_LANE-}" != vm ] || modes=() kinds=(gre ipip)
for learning in "${modes[@]}"; do
	for h in 1 2 3; do
		list $h red "{\"type\":\"bridge\",\"bridge\":\"red0\",\"ipam\":{\"type\":\"host-local\",\"dataDir\":\"$T/leases$h\",
			\"ranges\":[[{\"subnet\":\"10.7.0.0/24\",\"rangeStart\":\"10.7.0.${h}0\"}]]}},
			{\"type\":\"vxlan\",\"id\":100,\"dev\":\"up0\",\"learning\":$learning,\"local\":\"192.0.2.$h\",
			\"peers\":[\"192.0.2.$((h % 3 + 1))\",\"192.0.2.$(((h + 1) % 3 + 1))\"]}"
	done
	for c in m1 m2 c3; do
		netns $c
	done
	# the container's interface is not the first one, so its number is one of chance
	ip -n m1 link add first0 type veth peer name first1
	check "VXLAN, learning $learning: attached" eval 'on 1 add red m /run/netns/m1 >"$T/result" && ip -n m1 link del first0 && on 3 add red c /run/netns/c3 >/dev/null && on 2 add red other /run/netns/m2 -i other >/dev/null &&
		on 2 del red other -i other'
	mac=$(jq -r '.interfaces[-1].mac' "$T/result")
	ip4=$(address m1)
	state 1 >"$T/state1"
	check '  prepare gives a ticket' eval 'on 1 move prepare --to 192.0.2.2 red m >"$T/ticket" && is bridged "$(jq -r .kind "$T/ticket")"'
	check '  the target takes it' eval '{ sleep 0.2; cat "$T/ticket"; } | on 2 move prepare --from 192.0.2.1 red m'
	check '  cut-over before the container is there: refused' eval '! on 2 move cutover red m'
	check '  ADD on the target: its address, its hardware address, not heard of' eval 'on 2 add red m /run/netns/m2 >"$T/result" &&
		is "$ip4" "$(address m2)" && is "$mac" "$(jq -r ".interfaces[-1].mac" "$T/result")" && on 2 check red m &&
		has "$(ip netns exec host2 nft list set bridge skerry_hold held)" "\"$(jq -r ".interfaces[1].name" "$T/result")\"" && has "$(ip -n m2 link show eth0)" LOWER_UP'
	check '  and its number' is "$(ip -n m1 -o link show eth0 | cut -d: -f1)" "$(ip -n m2 -o link show eth0 | cut -d: -f1)"
	# a segment that learns takes what m says for its place, so there it is as still as one that is frozen
	silent=silent how=
	[ $learning = true ] || silent='' how='echo'
	counters $how
	stream c3 "$ip4"
	# who doesn't learn is told, before the source is shut
	check '  cut-over' eval 'on 2 move cutover red m && { [ $learning = true ] || on 3 peer place red 192.0.2.2 "$mac"; } && on 1 move cutover red m'
	check '  no datagram is lost, nor an answer' arrived $silent
	grep '^#' "$T/figures" | tail -n 1
	stop
	check '  CHECK on the target' on 2 check red m
	if [ $learning = true ]; then
		check '  aborted: the source has it again, as if nothing had been' eval 'on 2 move abort red m && on 1 move abort red m && on 2 del red m && state 1 >"$T/now" &&
			diff <(grep -v " dev vx" "$T/state1") <(grep -v " dev vx" "$T/now")'
		check '  and answers' pings c3 "$ip4"
		check '  abort again is no error' eval 'on 1 move abort red m && on 2 move abort red m && is "" "$(find "$T"/run[12]/move -type f)"'
	else
		check '  finish' eval 'on 2 move finish red m && on 1 move finish red m && on 1 del red m'
		check '  it answers from the target' pings c3 "$ip4"
		check '  finish again is no error' eval 'on 1 move finish red m && on 2 move finish red m && is "" "$(find "$T"/run[12]/move -type f)"'
		check '  DEL on the target' on 2 del red m
	fi
	on 1 del red m && on 3 del red c
	for h in 1 2 3; do
		on $h gc red
		ip -n host$h link del red0
	done
	for c in m1 m2 c3; do
		netns_gone $c
	done
done

# --- segments of their own: a tunnel -------------------------------------------------
for h in 1 2; do
	list $h blue "{\"type\":\"bridge\",\"bridge\":\"blue0\",\"isDefaultGateway\":true,\"ipMasq\":true,\"ipam\":{\"type\":\"host-local\",
		\"dataDir\":\"$T/leases$h\",\"ranges\":[[{\"subnet\":\"10.$h.0.0/24\"}],[{\"subnet\":\"fd00:$h::/64\"}]]}},
		{\"type\":\"portmap\",\"capabilities\":{\"portMappings\":true}}"
	sed 's/blue/green/; s/,\[{"subnet":"fd00[^]]*\]//' "$T/conf$h/blue.conflist" | sed 's/blue0/green0/' >"$T/conf$h/green.conflist"
done
for h in 1 2 3; do
	ip -n host$h -6 addr add fd00:ff::$h/64 dev up0 nodad
	[ $h = 1 ] || ip -n host$h route add 10.1.0.0/24 via 192.0.2.1
	[ $h = 1 ] || ip -n host$h -6 route add fd00:1::/64 via fd00:ff::1
done
for kind in "${kinds[@]}"; do
	how=(local 192.0.2.9 remote 192.0.2.8)
	[ $kind != vxlan ] || how=(id 1 dstport 4789)
	if ! ip link add try0 type $kind "${how[@]}" 2>/dev/null; then
		skip "a tunnel by $kind" "this kernel has no $kind: the virtual machine's has"
		continue
	fi
	ip link del try0
	net=blue
	if [ $kind = ipip ]; then # of the same addresses, so the other's bridges go
		net=green
		for h in 1 2; do
			ip -n host$h link del blue0
		done
	fi
	for c in m1 m2 sib; do
		netns $c
	done
	ports='portMappings=[{"hostPort":5001,"containerPort":5000,"protocol":"udp"}]'
	check "routed by $kind: attached" eval 'on 1 add $net m /run/netns/m1 --capability "$ports" >"$T/result" && on 1 add $net sib /run/netns/sib >/dev/null'
	ip4=$(address m1)
	state 1 | grep -v '^veth' >"$T/state1"
	state 2 >"$T/state2"
	check '  prepare' eval 'on 1 move prepare --to 192.0.2.2 --tunnel $kind $net m >"$T/ticket" && is routed "$(jq -r .kind "$T/ticket")" &&
		on 2 move prepare --from 192.0.2.1 $net m <"$T/ticket"'
	check '  again is no error and the same' eval 'on 1 move prepare --to 192.0.2.2 $net m | cmp - "$T/ticket"'
	check '  to another host meanwhile: refused' eval '! on 1 move prepare --to 192.0.2.3 $net m'
	check '  ADD on the target: the address of the other subnet' eval 'on 2 add $net m /run/netns/m2 >"$T/result2" && is "$ip4" "$(address m2)" &&
		is "$(jq -r ".interfaces[-1].mac" "$T/result")" "$(jq -r ".interfaces[-1].mac" "$T/result2")"'
	counters echo
	stream host3 "$ip4"
	check '  cut-over' eval 'on 2 move cutover $net m && on 1 move cutover $net m'
	check '  no datagram is lost, nor an answer' arrived
	grep '^#' "$T/figures" | tail -n 1
	check '  the other container of the source reaches it' eval 'pings sib "$ip4" && [ "$(ip -n sib neigh show "$ip4" | awk "{ print \$5 }")" = "$(ip -n host1 -j link show ${net}0 | jq -r .[0].address)" ]'
	check '  and the host, and IPv6' eval 'pings host1 "$ip4" && pings host3 "$ip4" && { [ $kind = ipip ] || pings host3 fd00:1::2; }'
	# what may not be fragmented and doesn't fit into IPIP is told so
	[ $kind = ipip ] || check '  whole packets pass' eval 'pings host3 "$ip4" -s 1472'
	: >"$T/got2"
	check '  a port of the source leads to it' eval 'is "20 20" "$(ip netns exec host3 /usr/bin/python3 "$DATAGRAMS" send 192.0.2.1 5001 20 100)" && is 20 "$(sort -u "$T/got2" | wc -l)"'
	stop
	if [ $kind = vxlan ]; then
		check '  aborted: both hosts as they were' eval 'on 1 move abort $net m && on 2 move abort $net m && on 2 del $net m && pings host3 "$ip4" &&
			state 1 | grep -v "^veth" >"$T/now" && diff "$T/state1" "$T/now" && state 2 >"$T/now" && diff <(grep -v ${net}0 "$T/state2") <(grep -v ${net}0 "$T/now")'
		check '  the other container of the source reaches it again' pings sib "$ip4"
	else
		check '  finish, in either order' eval 'on 1 move finish $net m && on 2 move finish $net m && ! ip netns exec host1 ip -br link | grep -q "^mv" && is 3 "$(ip -n host2 rule | wc -l)"'
	fi
	on 2 del $net m 2>/dev/null
	check '  DEL' eval 'on 1 del $net m && on 1 del $net sib && is "" "$(find "$T"/run[12]/move -type f)"'
	for c in m1 m2 sib; do
		netns_gone $c
	done
done
check 'ipip carries no IPv6: refused' eval 'netns m1 && on 1 add blue m /run/netns/m1 >/dev/null && ! on 1 move prepare --to 192.0.2.2 --tunnel ipip blue m 2>"$T/err" && grep -q vxlan "$T/err" &&
	is "" "$(find "$T/run1/move" -type f)" && on 1 del blue m; status=$?; netns_gone m1; [ $status = 0 ]'
check 'finish before the cut-over, a ticket of another network, a host that is none: refused' eval 'netns m1 && on 1 add blue m /run/netns/m1 >/dev/null && on 1 move prepare --to 192.0.2.2 blue m >"$T/ticket" &&
	! on 1 move finish blue m && ! on 2 move prepare --from 192.0.2.1 red m <"$T/ticket" && ! on 2 move prepare --from 192.0.2.1 blue m </dev/null &&
	on 1 move abort blue m && ! on 1 move prepare --to host2 blue m && ! on 1 move prepare --to 192.0.2.2 blue nobody && on 1 del blue m; status=$?; netns_gone m1; [ $status = 0 ]'
for isolation in netns policy; do
	list 1 tenant "{\"type\":\"tenant\",\"isolation\":\"$isolation\",\"ipam\":{\"type\":\"host-local\",\"dataDir\":\"$T/leases1\",
		\"ranges\":[[{\"subnet\":\"10.44.0.0/24\"}]]}}"
	check "an address of a tenant ($isolation): refused, which says why" eval 'netns m1 && on 1 add tenant m /run/netns/m1 >/dev/null &&
		! on 1 move prepare --to 192.0.2.2 tenant m 2>"$T/err" && grep -q "addresses of a tenant" "$T/err" &&
		is "" "$(find "$T/run1/move" -type f)" && on 1 del tenant m && on 1 gc tenant; status=$?; netns_gone m1; [ $status = 0 ]'
done
for h in 1 2 3; do
	ip link del port$h
	netns_gone host$h
done
ip link del switch
net_end
done_testing
