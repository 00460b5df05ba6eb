# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# kill-lib.sh - plugins killed, or with a call that fails, at each system call of a verb
#
#   K1 ADD killed at any call: DEL, which knows no result, leaves nothing
#   K2 DEL killed at any call: DEL again leaves nothing
#   K3 ADD killed, the network namespace gone: GC leaves nothing
#   K4 a call of ADD fails: it works, or says why as an error object and has undone all
#   K5 a call of DEL fails: DEL again leaves nothing
#
# A test sets TYPE, CONFIG and, for a chained plugin, its prevResult in CONFIG.
# KILL_STEP: every how many calls, in place of what the test takes.
# shellcheck source=tests/integration/cni/chain-lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/chain-lib.sh"
# shellcheck source=tests/integration/cni/sweep-lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/sweep-lib.sh"
TYPE=
base=
no_result= # the configuration as after an ADD that didn't come to its end
# the end of cni0's own line changes with its ports; ingress: gone with its interface; the search for an
# address goes on
NOISE='/^cni0 /d; /^last_reserved_ip/d; / ingress ffff:/d; s/^\(qdisc [^ ]*\) [^ ]*/\1/; /^qdisc noqueue/d'

# what there is of an attachment; few processes, since it is asked for at every call
now() {
	ip -br link show
	ip -n a -br link show 2>/dev/null
	ls "$DATA/net1" "$DATA/.skerry/net1"
	nft list ruleset
	[ "$TYPE" != bandwidth ] || tc qdisc show
}
same_now() {
	[ "$(now 2>&1 | sed "$NOISE")" = "$base" ]
}
same() {
	eventually same_now || diff <(echo "$base") <(now 2>&1 | sed "$NOISE")
}
# at N ACTION VERB [CONFIG]: the plugin, disturbed at its N-th call
at() {
	local n=$1 action=$2
	CNI_COMMAND=$3 CNI_CONTAINERID=$ID CNI_NETNS=$NETNS CNI_IFNAME=$IFNAME CNI_PATH=$PLUGINS \
		timeout -k 5 30 "$NTH" "$n" "$action" -- "$PLUGINS/$TYPE" <<<"${4-$CONFIG}" >"$T/said" 2>"$T/plugin.err"
}
verb_calls() { # verb_calls VERB: how many the plugin makes
	at $ALL_CALLS count "$1"
	counted
}
sweep() { # sweep NAME STEP TOTAL EACH
	sweep_by "${KILL_STEP:-$2}" "$TYPE: $1" "$3" "$4"
}
k1() {
	at "$1" killtree ADD
	passes DEL "$TYPE" "$no_result" && same
}
k2() {
	plugin ADD "$TYPE" || return 1
	at "$1" killtree DEL "$(with_result)"
	passes DEL "$TYPE" "$(with_result)" && same
}
k3() {
	again_a
	at "$1" killtree ADD
	ip netns del a
	passes GC "$TYPE" "$(jq -c 'del(.prevResult) | ."cni.dev/valid-attachments" = []' <<<"$CONFIG")" && again_a && same
}
k4() {
	at "$1" "${ERRNO:-12}" ADD
	if grep -q 'status=0$' "$NTH_OUT"; then
		jq -e .cniVersion "$T/said" >/dev/null && passes DEL "$TYPE" "$no_result" && same
	else
		# an undoing call that fails leaves something for DEL; the error is said even then, unless it
		# was the saying itself that failed
		{ jq -e .code "$T/said" >/dev/null || [ ! -s "$T/said" ]; } && { PATIENCE=3 same || { passes DEL "$TYPE" "$no_result" && same; }; }
	fi
}
k5() {
	plugin ADD "$TYPE" || return 1
	at "$1" "${ERRNO:-12}" DEL "$(with_result)"
	passes DEL "$TYPE" "$(with_result)" && same
}
# the configuration as a runtime gives it to DEL
with_result() {
	if [ "$TYPE" = bridge ]; then echo "${CONFIG%\}},\"prevResult\":$out}"; else echo "$CONFIG"; fi
}
again_a() {
	ip netns list | grep -qx a || { ip netns add a && ip -n a link set lo up; }
}
settled() { # the same in two looks
	now 2>&1 | sed "$NOISE" >"$T/settled"
	sleep 0.2
	now 2>&1 | sed "$NOISE" | cmp -s - "$T/settled"
}
# once through, so that what belongs to the network is there before and after
settle() {
	plugin ADD "$TYPE" >/dev/null && plugin DEL "$TYPE" "$(with_result)"
	eventually settled
	base=$(cat "$T/settled")
	no_result=$CONFIG
	[ "$TYPE" = bridge ] || no_result=$(jq -c 'del(.prevResult)' <<<"$CONFIG")
}
begin() {
	settle
	check "$TYPE: undisturbed, DEL after ADD leaves nothing" eval 'plugin ADD "$TYPE" && passes DEL "$TYPE" "$(with_result)" && same'
}
# kills_add STEP, kills_del STEP: what is killed at every call, what fails at every STEP-th
kills_add() {
	local total
	begin
	total=$(verb_calls ADD)
	plugin DEL "$TYPE" "$no_result"
	sweep 'K1 ADD killed, then DEL' 1 "$total" k1
	sweep 'K4 a call of ADD fails (ENOMEM)' "$1" "$total" k4
	ERRNO=1 sweep 'K4 a call of ADD fails (EPERM)' "$(($1 * 2))" "$total" k4
}
kills_del() {
	local total
	begin
	plugin ADD "$TYPE"
	total=$(verb_calls DEL)
	plugin DEL "$TYPE" "$no_result"
	sweep 'K2 DEL killed, then DEL' 1 "$total" k2
	sweep 'K5 a call of DEL fails (ENOMEM)' "$1" "$total" k5
}
kills_gc() { # every STEP-th call
	local total
	begin
	total=$(verb_calls ADD)
	plugin DEL "$TYPE" "$no_result"
	sweep 'K3 ADD killed, the namespace gone, then GC' "$1" "$total" k3
}

# bridge with host-local, beside a container of another network that holds the tables
bridge_begin() {
	netns a
	netns keep
	CONFIG=$(jq -c . <<<"{\"cniVersion\":\"1.1.0\",\"name\":\"net1\",\"type\":\"bridge\",\"isGateway\":true,\"ipMasq\":true,
		\"macspoofchk\":true,\"hairpinMode\":true,\"ipam\":{\"type\":\"host-local\",\"dataDir\":\"$DATA\",
		\"ranges\":[[{\"subnet\":\"10.1.0.0/24\"}],[{\"subnet\":\"fd01::/64\"}]],\"routes\":[{\"dst\":\"0.0.0.0/0\"}]}}")
	TYPE=bridge
	neighbour=${CONFIG/net1/net2}
	check 'a neighbour' eval 'ID=keep NETNS=/run/netns/keep plugin ADD bridge "$neighbour"'
}
bridge_end() {
	ID=keep NETNS=/run/netns/keep plugin DEL bridge "$neighbour"
	ip link del cni0
	plugin_end
}
# the chained ones behind a bridge: as_portmap, as_firewall, as_bandwidth
as_portmap() {
	TYPE=portmap
	chain a '"type":"portmap","snat":true,"runtimeConfig":{"portMappings":[{"hostPort":8080,"containerPort":80,"protocol":"tcp"},
		{"hostPort":53,"containerPort":53,"protocol":"udp"}]}'
}
as_firewall() {
	TYPE=firewall
	chain a '"type":"firewall","ingressPolicy":"same-bridge"'
}
as_bandwidth() {
	TYPE=bandwidth
	chain a '"type":"bandwidth","egressRate":8000000,"egressBurst":8000000'
}
