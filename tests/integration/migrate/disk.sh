#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# disk.sh - a disk that fills up in the middle of a migration, on either side
#
# With the stand-in for criu (standin.py).
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/integration/migrate/lib.sh
. "$(dirname "$0")/lib.sh"

# with some memory and a file that grows
start_one() {
	start_with 'x=$(head -c 2000000 /dev/zero | tr "\0" x); echo $$ >/tmp/up; n=0
		while :; do n=$((n + 1)); head -c 20000 /dev/zero >>/tmp/grows; echo $n >/tmp/count; sleep 0.1; done'
}
# fill HOST DIR: up to the last byte; the disk is full
fill() { on "$1" sh -c "! cat /dev/zero >$2/fill 2>/dev/null" && on "$1" test -s "$2/fill"; }
# small HOST DIR SIZE: from now on it is that small
small() { on "$1" sh -c "mkdir -p $2 && mount -t tmpfs -o size=$3 tmpfs $2"; }

# --- files there ------------------------------------------------------------------------------
small b /var/lib/skerry 64m
start_one
AFTER='^files' paused_at pre-dump fill b /var/lib/skerry
check 'the disk for files fills up there: it does not move' is 75 $?
check 'it says so' has "$(<"$T/move.out")" 'No space left on device'
check 'it runs on here' only a
check 'nothing is left there' no_bundle
check 'no record here' clean_on a
on b rm /var/lib/skerry/fill
check 'with room again it moves' move
check 'and runs there' only b
on b "$SKERRY" --root "$ROOT/b" delete --force c1
on b umount /var/lib/skerry

# --- images and memory there ---------------------------------------------------------------------
small b "$ROOT/b" 1m
start_one
check 'the disk for memory is too small there' status 75 move --timeout 10
check 'it says so there' has "$(<"$T/move.out")" 'No space left on device'
check 'and it runs on here' only a
check 'its bundle there is gone' no_bundle
check 'without a trace there' is '' "$(on b find "$ROOT/b" -name '*.json')"
on b umount "$ROOT/b"
small b "$ROOT/b" 16m
AFTER='^round' paused_at post-dump fill b "$ROOT/b"
check 'it fills up once the container stands still' is 75 $?
check 'then it goes on here' only a
check 'nothing of it is there' no_bundle
on b umount "$ROOT/b"

# --- here -----------------------------------------------------------------------------------------
on a "$SKERRY" --root "$ROOT/a" delete --force c1
small a "$ROOT/a" 4m
start_one
AFTER='^round' paused_at pre-dump fill a "$ROOT/a"
check 'the disk for images fills up here: it does not move' is 75 $?
check 'it runs on, here' only a
check 'there is nothing there' no_bundle
on a rm "$ROOT/a/fill"
AFTER='^restore' paused_at ready fill a "$ROOT/a"
check 'it fills up before the decision is on record: it does not move' is 75 $?
check 'it still runs here' only a
check 'the copy there is gone' no_bundle
on a rm "$ROOT/a/fill"
check 'with room it moves' move
check 'and is there' only b
check 'no record is left' is '' "$(on a ls -A "$ROOT/a/.migrate")"
done_testing
