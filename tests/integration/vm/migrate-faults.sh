#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: vm
# migrate-faults.sh - either side of a migration killed while criu holds the processes
#
# The points at which criu has to put processes back, or ends them; migrate/faults.sh has all the others.
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/integration/vm/hosts.sh
. "$(dirname "$0")/hosts.sh"

needs 'no criu' command -v criu

TMO=200
hosts_make || {
	cat "$T"/host-*.out
	echo 'Bail out! no hosts'
	exit 1
}
trap hosts_end EXIT
rootfs_template
config_template

# move FAULT: with it, and a short patience
move() {
	SKERRY_MIGRATE_FAULT=$1 migrate a b c1 --timeout 60 >"$T/move.out" 2>&1
	local status=$?
	grep -v '^files\|^round' "$T/move.out" | diag
	return $status
}
counted() { on "$1" cat "/proc/$(pid_on "$1" c1)/root/tmp/count"; }
# only HOST: it runs there, counts, and is nowhere else
only() {
	local other=a before
	[ "$1" = a ] && other=b
	runs_on "$1" c1 && [ ! -e "$ROOT/$other/c1/state.json" ] || return
	before=$(counted "$1")
	eventually eval '[ "$(counted '"$1"')" -gt '"${before:-0}"' ]'
}
patiently() {
	local _
	for _ in $(seq 60); do
		"$@" >/dev/null 2>&1 && return
		sleep 1
	done
	"$@"
}

mk "$(args sh -c '(while :; do sleep 1; done) & n=0; while :; do n=$((n + 1)); echo $n >/tmp/count.new; mv /tmp/count.new /tmp/count; sleep 0.1; done')"
check 'a container runs' eval 'on a "$SKERRY" --root "$ROOT/a" run -d -b "$B" c1 </dev/null >"$T/out" 2>&1 && eventually test -s "$B/rootfs/tmp/count"'
for point in post-dump ready; do
	move $point:kill
	check "the source killed at $point: criu puts it back, alone" patiently only a
done
for point in t-ready t-committed; do
	move $point:kill
	check "the target killed at $point: it runs here alone" patiently only a
done
move committing:kill
check 'the source killed when nobody knows: no two run' eval '! { runs_on a c1 && runs_on b c1; }'
check '--resolve settles it' on a timeout 60 "$SKERRY" --root "$ROOT/a" migrate --ssh "$T/ssh" --remote "$SKERRY --root $ROOT/b" --resolve c1
check 'it goes on here' patiently only a
move t-running:kill
check 'the target killed once it runs there: it is found there' patiently only b
check 'its processes are those of before' test "$(on b "$SKERRY" --root "$ROOT/b" ps c1 2>/dev/null | tail -n +2 | wc -l)" -ge 2
on b "$SKERRY" --root "$ROOT/b" delete --force c1
check 'no record is left here' clean_on a
done_testing
