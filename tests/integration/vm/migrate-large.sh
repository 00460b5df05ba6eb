#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: vm
# migrate-large.sh - a container of much memory, which is put in while it runs, out of what the target has
#
# shellcheck disable=SC2016,SC2317
TMO=200
# shellcheck source=tests/integration/vm/migrate-lib.sh
. "$(dirname "$0")/migrate-lib.sh"

LATER='memory is put in while it runs'
# move FAULT FROM TO: with it, and a short patience
move() {
	SKERRY_MIGRATE_FAULT=$1 migrate "$2" "$3" c1 --timeout 60 >"$T/move.out" 2>&1
	local status=$?
	grep -v '^files\|^round' "$T/move.out" | diag
	return $status
}
keepers() { pgrep -f 'criu lazy-pages'; }

check 'a container of 80 MiB runs' started tmp/memory hp memory 80
check 'it moves' eval 'moved a b c1 --json'
diag <"$T/moved.out"
check 'its memory is put in while it runs' grep -q "$LATER" "$T/moved.out"
check 'it runs there' runs_on b c1
check 'and is gone here' gone_on a c1
check 'its memory is whole' patiently whole_on b
check 'it was not sent twice' test "$(of_done lastMemory)" -lt $((24 << 20))
check 'no process is left of the move' patiently eval '! keepers'
move t-ready:kill b a
check 'the target killed before the commit: it goes on where it was' patiently whole_on b
check 'with nothing left over there' patiently eval '! keepers'
move t-committed:kill b a
check 'the target killed before it ran there: it goes on where it was' patiently whole_on b
check 'with nothing left over there either' patiently eval '! keepers'
move t-running:kill b a
check 'the target killed as soon as it ran there: it runs there' patiently runs_on a c1
check 'with all of its memory' patiently whole_on a
check 'and is gone here too' gone_on b c1
check 'when all is there no process is left' patiently eval '! keepers'
RA delete --force c1
check 'no record is left here' clean_on a
done_testing
