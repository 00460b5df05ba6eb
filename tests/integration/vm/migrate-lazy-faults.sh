#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: vm
# migrate-lazy-faults.sh - either side killed while memory follows a container to where it runs
#
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/integration/vm/hosts.sh
. "$(dirname "$0")/hosts.sh"

needs 'no criu' command -v criu

TMO=120
hosts_make || {
	cat "$T"/host-*.out
	echo 'Bail out! no hosts'
	exit 1
}
trap hosts_end EXIT
rootfs_template
config_template

moved() {
	migrate "$@" >"$T/moved.out" 2>&1
	local status=$?
	cat "$T/moved.out"
	[ "$status" = 0 ] || grep -h Error "$ROOT"/*/.migrate/*/images/*.log 2>/dev/null | tail -n 20
	return "$status"
}
# what it says of its memory: "COUNTER WRONG"
said_on() { on "$1" cat "/proc/$(pid_on "$1" c1)/root/tmp/memory"; }
# whole_on NAME: its memory was looked through again, and all of it is as it was
whole_on() {
	local before
	before=$(said_on "$1" | cut -d' ' -f1)
	eventually eval '[ "$(said_on '"$1"' | cut -d" " -f1)" != "'"$before"'" ]' &&
		is 0 "$(said_on "$1" | cut -d' ' -f2)"
}

mk "$(args hp memory 8)"
check 'a container runs' eval 'on a "$SKERRY" --root "$ROOT/a" run -d -b "$B" c1 </dev/null >"$T/out" 2>&1 && eventually test -s "$B/rootfs/tmp/memory"'
for point in feeding t-pulling; do
	check "killed at $point: it doesn't move" eval '! SKERRY_MIGRATE_FAULT=$point:kill moved a b c1 --lazy --mode stop --timeout 60'
	if [ $point = feeding ]; then
		check 'then the copy there goes' eventually gone_on b c1
		check '--resolve settles it' on a timeout 60 "$SKERRY" --root "$ROOT/a" migrate --ssh "$T/ssh" --remote "$SKERRY --root $ROOT/b" --resolve c1
	fi
	check 'it runs on here' runs_on a c1
	check 'it is not there' gone_on b c1
	check 'with all of its memory' whole_on a
done
SKERRY_MIGRATE_FAULT=t-pulled:kill moved a b c1 --lazy --mode stop --timeout 60 >"$T/out"
check 'killed once all of it is there: it runs there' runs_on b c1
check 'and is gone here' gone_on a c1
check 'with all of its memory' whole_on b
check 'no record is left here' clean_on a
RB delete --force c1
done_testing
