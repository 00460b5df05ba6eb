#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# move-sweep.sh - skerry net move killed, or failing, at each of its system calls: abort leads back, repeating on.
#
# SWEEP_POINTS  how many calls of each command are tried (default: 8)
# shellcheck source=tests/integration/cni/lib.sh
. "$(dirname "$0")/../cni/lib.sh"
# shellcheck source=tests/integration/cni/sweep-lib.sh
. "$(dirname "$0")/../cni/sweep-lib.sh"

ip link add up0 type veth peer name up1 && ip link set up1 up
ip addr add 192.0.2.1/24 dev up0 && ip link set up0 up
conflist blue '"cniVersion":"1.1.0","plugins":[{"type":"bridge","bridge":"br-blue","isDefaultGateway":true,"ipMasq":true,
	"ipam":{"type":"host-local","ranges":[[{"subnet":"10.1.0.0/24"}]]}}]'
conflist red '"cniVersion":"1.1.0","plugins":[{"type":"bridge","bridge":"br-red","ipam":{"type":"host-local","ranges":[[{"subnet":"10.7.0.0/24"}]]}},
	{"type":"vxlan","id":100,"dev":"up0","peers":["192.0.2.2"]}]'
netns m
netns t
N add blue m /run/netns/m >/dev/null && N add red m /run/netns/m -i eth1 >/dev/null

now() {
	# a bridge's own state follows that of its ports a moment later
	ip -br link show | sort | awk '{ print $1, $1 ~ /^br-/ ? "" : $2 }'
	ip rule
	ip -4 route show table all | sed 's/ linkdown//'
	ip neigh show proxy
	bridge fdb show | grep -v 'self permanent' | grep -v '33:33\|01:00' | sort
	ip -n m -br link
	find /run/skerry-net/move -type f 2>/dev/null
	nft list ruleset | grep -v '^$'
	leases blue
}
same_now() {
	now >"$T/now"
	cmp -s "$T/base" "$T/now"
}
same() {
	eventually same_now || diff "$T/base" "$T/now"
}
ticketed() { # COMMAND...: how many calls it makes, with the ticket before it
	calls "$@" <"$T/ticket"
}
sweep() { # NAME TOTAL EACH
	sweep_by "$(step_of "$2" "${SWEEP_POINTS:-8}")" "$@"
}

# --- the source ---------------------------------------------------------------------
# $net and $if are the attachment
prepare() { N move prepare --to 192.0.2.2 -i "$if" "$net" m >"$T/ticket"; }
cutover() { N move cutover -i "$if" "$net" m; }
finish() { N move finish -i "$if" "$net" m; }
abort() { N move abort -i "$if" "$net" m; }
prepare_abort() {
	"$NTH" "$1" "${ACTION:-killtree}" -- "$NET" move prepare --to 192.0.2.2 -i "$if" "$net" m >/dev/null 2>&1
	abort && same
}
cutover_abort() {
	prepare || return
	"$NTH" "$1" "${ACTION:-killtree}" -- "$NET" move cutover -i "$if" "$net" m >/dev/null 2>&1
	abort && same
}
cutover_again() {
	prepare || return
	"$NTH" "$1" killtree -- "$NET" move cutover -i "$if" "$net" m >/dev/null 2>&1
	cutover && now >"$T/cut.now"
	diff "$T/cut" "$T/cut.now"
	status=$?
	abort && same && [ $status = 0 ]
}
abort_again() {
	prepare && cutover || return
	"$NTH" "$1" killtree -- "$NET" move abort -i "$if" "$net" m >/dev/null 2>&1
	abort && same
}
# after finish the port stays shut; opened again by hand everything is as it was
finish_again() {
	prepare && cutover || return
	"$NTH" "$1" killtree -- "$NET" move finish -i "$if" "$net" m >/dev/null 2>&1
	finish && ip link set "$port" up && ip -n m link set "$if" up && ip route | grep -q . && same
}
for net in blue red; do
	if=eth0
	[ $net = blue ] || if=eth1
	port=$(jq -r '.result.interfaces[1].name' "/var/lib/cni/results/$net-m-$if")
	now >"$T/base"
	prepare
	total=$(ticketed "$NET" move prepare --to 192.0.2.2 -i $if $net m)
	cutover
	now >"$T/cut"
	total_cut=$(ticketed "$NET" move cutover -i $if $net m)
	total_abort=$(ticketed "$NET" move abort -i $if $net m)
	check "$net: prepared, cut over, aborted: as before" same
	sweep "$net: prepare killed, then abort" "$total" prepare_abort
	ACTION=12 sweep "$net: prepare with a call that fails (ENOMEM), then abort" "$total" prepare_abort
	sweep "$net: cut-over killed, then abort" "$total_cut" cutover_abort
	ACTION=12 sweep "$net: cut-over with a call that fails (ENOMEM), then abort" "$total_cut" cutover_abort
	sweep "$net: cut-over killed, then again" "$total_cut" cutover_again
	sweep "$net: abort killed, then again" "$total_abort" abort_again
	prepare && cutover
	total=$(ticketed "$NET" move finish -i $if $net m)
	ip link set "$port" up
	sweep "$net: finish killed, then again" "$total" finish_again
done

# --- the target: the same host's other name, with a ticket from elsewhere -------------
net=blue if=eth0
prepare && abort
jq -c '.container = "t" | .source = "192.0.2.9" | .target = "192.0.2.1" | .addresses[0].address = "10.9.0.5/24" | .addresses[0].gateway = "10.9.0.1"' \
	"$T/ticket" >"$T/ticket.t" && mv "$T/ticket.t" "$T/ticket"
# chains of a subnet come with its first container and stay
N move prepare --from 192.0.2.9 blue t <"$T/ticket" && N add blue t /run/netns/t >/dev/null && N move abort blue t && N del blue t
now >"$T/base"
TARGET=("$NET" move prepare --from 192.0.2.9 blue t)
target_abort() {
	"$NTH" "$1" killtree -- "${TARGET[@]}" >/dev/null 2>&1 <"$T/ticket"
	N move abort blue t && same
}
target_cutover() {
	"${TARGET[@]}" <"$T/ticket" && N add blue t /run/netns/t >/dev/null || return
	"$NTH" "$1" killtree -- "$NET" move cutover blue t >/dev/null 2>&1
	N move abort blue t && N del blue t && same
}
total=$(ticketed "${TARGET[@]}")
N add blue t /run/netns/t >/dev/null
total_cut=$(ticketed "$NET" move cutover blue t)
check 'target: cut over, aborted, detached: as before' eval 'N move abort blue t && N del blue t && same'
sweep 'target: prepare killed, then abort' "$total" target_abort
mkdir -p /run/skerry-net/move && : >/run/skerry-net/move/.blue,t,eth0.0123abcd
check 'target: abort takes away what a killed prepare has written of its record' eval 'N move abort blue t && same'
sweep 'target: cut-over killed, then abort' "$total_cut" target_cutover

N del blue m && N del red m -i eth1 && N gc red
netns_gone m
netns_gone t
ip link del up0
net_end
done_testing
