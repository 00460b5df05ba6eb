#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: vm
# migrate-lazy.sh - a container whose memory follows once it runs on the other host
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
of_done() { jq -r "select(.phase == \"done\") | .$1" "$T/moved.out"; }

mk "$(args hp memory 16)"
check 'a container runs' eval 'on a "$SKERRY" --root "$ROOT/a" run -d -b "$B" c1 </dev/null >"$T/out" 2>&1 && eventually test -s "$B/rootfs/tmp/memory"'
check 'it moves, and its memory follows' eval 'moved a b c1 --lazy --mode stop'
check 'it runs there' runs_on b c1
check 'and is gone here' gone_on a c1
check 'its memory is whole' whole_on b
check 'no record is left here' clean_on a
check 'none there' clean_on b
check 'nor a process of criu' eval '! pgrep -x criu'
check 'it goes back, with rounds before' eval 'moved b a c1 --lazy --json'
diag <"$T/moved.out"
check 'its memory is whole again' whole_on a
check 'and was not sent twice' test "$(of_done lastMemory)" -lt $((8 << 20))
RA delete --force c1
done_testing
