#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: vm
# migrate-faults.sh - either side of a migration killed while criu holds the processes
#
# The points at which criu has to put processes back, or ends them; migrate/faults.sh has all the others.
# shellcheck disable=SC2016,SC2317
TMO=200
# shellcheck source=tests/integration/vm/migrate-lib.sh
. "$(dirname "$0")/migrate-lib.sh"

# move FAULT: with it, and a short patience
move() {
	SKERRY_MIGRATE_FAULT=$1 migrate a b c1 --timeout 60 >"$T/move.out" 2>&1
	local status=$?
	grep -v '^files\|^round' "$T/move.out" | diag
	return $status
}
check 'a container of several processes runs' started tmp/count sh -c "(while :; do sleep 1; done) & $COUNTER"
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
check '--resolve settles it' resolved a b
check 'it goes on here' patiently only a
move t-running:kill
check 'the target killed once it runs there: it is found there' patiently only b
check 'its processes are those of before' test "$(on b "$SKERRY" --root "$ROOT/b" ps c1 2>/dev/null | tail -n +2 | wc -l)" -ge 2
on b "$SKERRY" --root "$ROOT/b" delete --force c1
check 'no record is left here' clean_on a
done_testing
