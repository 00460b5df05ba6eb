#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# sweep.sh - ADD and DEL killed, or failing, at each of their system calls: what is left afterwards.
#
#   V1 after a kill at any call, DEL succeeds and nothing is left
#   V2 after a kill at any call and the end of the network namespace, GC succeeds and nothing is left
#   V3 a call that fails: the command either worked or undid all
#   V4 afterwards the same attachment can be made
#
# SWEEP_STEP  every how many calls (default: so that SWEEP_POINTS, 25, are taken of each)
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/integration/cni/sweep-lib.sh
. "$(dirname "$0")/sweep-lib.sh"
bridge_list one 10.9.0.0/24 1.1.0
PORT=(--capability 'portMappings=[{"hostPort":8080,"containerPort":80,"protocol":"tcp"}]')
netns keep
# what belongs to the network, not to a container, comes with the first one
N add one first /run/netns/keep "${PORT[@]}" >/dev/null && N del one first

# GC takes tables that are empty with it, DEL leaves them: as empty as they are now, they don't count.
tables() { # FUNCTION: with the name and the text of each
	local family name
	nft list tables | while read -r _ family name; do
		"$1" "$family.$name" "$(nft list table "$family" "$name")"
	done
}
keep_empty() {
	echo "$2" >"$T/empty.$1"
}
show_used() {
	[ "$2" = "$(cat "$T/empty.$1" 2>/dev/null)" ] || echo "$2"
}
rules() {
	tables show_used
}
now() {
	links
	leases one
	cached
	rules
	ip netns list
}
nothing_left one
tables keep_empty
now >"$T/base"
same_now() {
	now >"$T/now"
	cmp -s "$T/base" "$T/now"
}
same() {
	eventually same_now || diff "$T/base" "$T/now"
}

# sweep NAME TOTAL EACH
sweep() {
	sweep_by "${SWEEP_STEP:-$(step_of "$2" "${SWEEP_POINTS:-25}")}" "$@"
}
ADD=("$NET" add one c1 /run/netns/keep "${PORT[@]}")
DEL=("$NET" del one c1)

add_del() {
	"$NTH" "$1" killtree -- "${ADD[@]}" >/dev/null 2>&1
	N del one c1 && same
}
add_gc() {
	netns other
	"$NTH" "$1" killtree -- "$NET" add one c1 /run/netns/other "${PORT[@]}" >/dev/null 2>&1
	netns_gone other
	N gc one && same
}
add_again() {
	"$NTH" "$1" kill -- "${ADD[@]}" >/dev/null 2>&1
	# what was not finished makes room; what was is there
	if "${ADD[@]}" >"$T/again" 2>&1 || grep -q already "$T/again"; then
		N check one c1 && N del one c1 && same
	else
		cat "$T/again"
		N del one c1
		return 1
	fi
}
add_fails() {
	"$NTH" "$1" "${ERRNO:-12}" -- "${ADD[@]}" >/dev/null 2>"$T/said"
	if grep -q 'status=0$' "$NTH_OUT"; then
		# it worked: as good as any other
		N check one c1 && N del one c1 && same
	else
		# undone without help, or, where the failed call was an undoing one, with it
		PATIENCE=3 same || { N del one c1 && same; }
	fi
}
del_killed() {
	"${ADD[@]}" >/dev/null || return 1
	"$NTH" "$1" killtree -- "${DEL[@]}" >/dev/null 2>&1
	N del one c1 && same
}

check 'undisturbed, DEL after ADD leaves nothing' eval '"${ADD[@]}" >/dev/null && N del one c1 && same'
total=$(calls "${ADD[@]}")
N del one c1
check 'system calls of ADD are counted' test "${total:-0}" -gt 50
sweep 'V1 ADD killed, then DEL' "$total" add_del
sweep 'V2 ADD killed, network namespace gone, then GC' "$total" add_gc
sweep 'V4 ADD killed, then ADD again' "$total" add_again
sweep 'V3 ADD with a call that fails (ENOMEM)' "$total" add_fails
ERRNO=1
sweep 'V3 ADD with a call that fails (EPERM)' "$total" add_fails
"${ADD[@]}" >/dev/null
total=$(calls "${DEL[@]}")
sweep 'V1 DEL killed, then DEL' "$total" del_killed

# the runtime with it: state directory, held network namespace and processes as well
mk "$(args sleep 1000)"
RUN=("$SKERRY" --root "$ROOT" run --detach --net default -p 8080:80 run1)
now_run() {
	now
	ls "$ROOT"
	grep -o "$ROOT.*" /proc/self/mountinfo
	leases default
	pgrep -x 'sleep|dnsmasq'
}
"${RUN[@]}" >/dev/null 2>&1 </dev/null
R delete --force run1
eventually fails pgrep -x dnsmasq
same_run_now() {
	now_run >"$T/now"
	cmp -s "$T/base.run" "$T/now"
}
same_run() {
	eventually same_run_now || diff "$T/base.run" "$T/now"
}
tables keep_empty
now_run >"$T/base.run"
run_delete() {
	"$NTH" "$1" killtree -- "${RUN[@]}" >/dev/null 2>&1 </dev/null
	R delete --force run1 && same_run
}
run_fails() {
	"$NTH" "$1" 12 -- "${RUN[@]}" >/dev/null 2>&1 </dev/null
	if grep -q 'status=0$' "$NTH_OUT"; then
		R delete --force run1 && same_run
	else
		PATIENCE=3 same_run || { R delete --force run1 && N gc default && same_run; }
	fi
}
"${RUN[@]}" >/dev/null 2>&1 </dev/null
R delete --force run1
check 'undisturbed, delete --force of a container with a network leaves nothing' same_run
total=$(calls "${RUN[@]}")
R delete --force run1
sweep 'V1 run --net killed, then delete --force' "$total" run_delete
sweep 'V3 run --net with a call that fails (ENOMEM)' "$total" run_fails
netns_gone keep
net_end
done_testing
