#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# track.sh - rounds of memory read what was written to, and leave nothing in the processes
#
# With the stand-in for criu.  Linux 6.7 and later have asynchronous write protection; a kernel before it has
# soft-dirty bits, or all is read in each round: what is sent is the same.
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/integration/migrate/lib.sh
. "$(dirname "$0")/lib.sh"

MIB=16
# start_ticking DIRTY [FILTER]: so many MiB, of which DIRTY pages are written to each hundredth of a second
start_ticking() {
	on a "$SKERRY" --root "$ROOT/a" delete --force c1 >/dev/null 2>&1
	on b "$SKERRY" --root "$ROOT/b" delete --force c1 >/dev/null 2>&1
	rm -f "$B/rootfs/tmp/gap"
	mk "$(args hp tick "$MIB" "$1") ${2:+| $2}"
	on a "$SKERRY" --root "$ROOT/a" run -d -b "$B" c1 </dev/null >"$T/start.out" 2>&1 &&
		eventually test -s "$B/rootfs/tmp/gap"
}
ticks() {
	rm -f "$B/rootfs/tmp/gap"
	eventually test -s "$B/rootfs/tmp/gap"
}
# of_rounds FILTER: a word of each round, one a line
of_rounds() { jq -r "select(.phase == \"round\") | $1" "$T/move.out"; }
kernel=$(uname -r)
IFS=.- read -r major minor _ <<<"$kernel"
tracker=contents
if [ "$(uname -m)" = x86_64 ] && [ $((major * 1000 + minor)) -ge 6007 ]; then
	tracker=write-protect
elif grep -q '^VmFlags:.* sd' /proc/self/smaps; then
	tracker=soft-dirty
fi

check 'a container with memory runs' start_ticking 0
check 'it moves' eval 'move --json --max-rounds 3 --downtime 0 >/dev/null'
diag <"$T/move.out"
check 'rounds were made' is 3 "$(of_rounds .round | tail -n 1)"
check "writes are tracked by what the kernel has ($tracker)" is $tracker "$(of_rounds .tracker | sort -u)"
check 'the first one reads all' test "$(of_rounds .read | head -n 1)" -ge $((MIB << 20))
check 'and sends it' test "$(of_rounds .changed | head -n 1)" -ge $((MIB << 20))
if [ $tracker = contents ]; then
	check 'the others read it again' test "$(of_rounds .read | tail -n 1)" -ge $((MIB << 20))
else
	check 'the others read next to nothing' test "$(of_rounds .read | tail -n 1)" -lt 262144
fi
check 'and send next to nothing' test "$(of_rounds .changed | tail -n 1)" -lt 262144
# looked_at: KiB of memory, while it stood still
looked_at() { jq -r 'select(.phase == "memory") | .text' "$T/move.out" | sed 's/.*: \([0-9]*\) KiB.*/\1/'; }
if [ $tracker = contents ]; then
	check 'in the end it is read once more' test "$(looked_at)" -ge $((MIB << 10))
else
	check 'in the end what was not written to is not looked at' test "$(looked_at)" -lt 1024
fi

check 'another one writes' start_ticking 8
check 'it moves too' eval 'move --json --max-rounds 3 --downtime 0 >/dev/null'
check 'what it wrote to is sent' test "$(jq 'select(.phase == "done") | .lastMemory' "$T/move.out")" -ge 32768

# A kernel without userfaultfd(2): criu hands over all there is.
start_ticking 0
on a mount -t tmpfs tmpfs /proc/sys/vm
check 'without userfaultfd it moves' eval 'move --json --max-rounds 2 >/dev/null'
on a umount /proc/sys/vm
check 'and all of it is looked at' test "$(looked_at)" -ge $((MIB << 10))
check 'but not sent again' test "$(jq 'select(.phase == "done") | .lastMemory' "$T/move.out")" -lt $((1 << 20))

# Who can't be made to call: a filter that denies all that is new.
check 'one whose calls are filtered' start_ticking 0 \
	'.linux.seccomp={"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["userfaultfd"],"action":"SCMP_ACT_KILL_PROCESS"}]}'
check 'is tracked or not, and moves' eval 'move --json --max-rounds 2 >/dev/null'
check 'and it never was without a round' test "$(of_rounds .read | head -n 1)" -ge $((MIB << 20))

# Killed at any moment: the container has no more to do with it.
check 'a container that runs on' start_ticking 8
hits=0
for wait in 0.02 0.1 0.2 0.4 0.7; do
	: >"$T/move.out"
	# rounds that take their time: it is killed in one of them
	SKERRY_MIGRATE_FAULT=round:400ms move --max-rounds 1000 --downtime 0 >/dev/null 2>&1 &
	mover=$!
	eventually grep -q '^files' "$T/move.out"
	sleep $wait
	source=$(pgrep -f "skerry-migrate.*--root[= ]$ROOT/a" | head -n 1)
	[ -n "$source" ] && kill -9 "$source" && hits=$((hits + 1))
	wait $mover 2>/dev/null
	ticks || break
done
check 'it was there to be killed each time' is 5 $hits
check 'runs on, whenever the migration is killed' ticks
check 'under its own name' runs_on a c1
pid=$(pid_on a c1)
check 'none of its memory is watched' fails grep -q '^VmFlags:.* uw' "/proc/$pid/smaps"
check 'nor has it a descriptor more' fails eval "ls -l /proc/$pid/fd | grep -q userfaultfd"
check 'and it can be moved' eval 'move >/dev/null'
check 'to where it is alone' only b
on b "$SKERRY" --root "$ROOT/b" delete --force c1
done_testing
