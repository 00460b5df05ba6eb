#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: vm
# migrate.sh - a container goes to another host and back: its memory, files, groups
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

detached_on() {
	local host=$1
	shift
	on "$host" "$SKERRY" --root "$ROOT/$host" "$@" </dev/null >"$T/detached.out" 2>&1 ||
		{ cat "$T/detached.out"; return 1; }
}
moved() {
	migrate "$@" >"$T/moved.out" 2>&1
	local status=$?
	cat "$T/moved.out"
	[ $status = 0 ] || grep -h Error "$ROOT"/*/.migrate/*/images/*.log 2>/dev/null | tail -n 20
	return $status
}
# what the counter has got to, on a host
counted() {
	on "$1" cat "/proc/$(pid_on "$1" c1)/root/tmp/count"
}
counts_on() {
	local before
	before=$(counted "$1")
	eventually eval '[ "$(counted '"$1"')" -gt '"${before:-0}"' ]'
}

mk "$(args sh -c 'n=0; while :; do n=$((n + 1)); echo $n >/tmp/count.new; mv /tmp/count.new /tmp/count; sleep 0.05; done')"
check 'a container runs on one host' detached_on a run -d -b "$B" c1
eventually test -s "$B/rootfs/tmp/count"
check 'a dry run says what would be' shows "can take" migrate a b c1 --dry-run
check 'it has left nothing' clean_on b
# what it has mounted, and its /dev: criu doesn't make what is plain and in memory
looks() {
	local at
	at=/proc/$(pid_on "$1" c1)
	on "$1" cut -d' ' -f5-6 "$at/mountinfo" | sort
	# the root is what the host has
	on "$1" cat "$at/mountinfo" | grep -v '^[^ ]* [^ ]* [^ ]* [^ ]* / ' | sed 's/.* - //' | grep '^tmpfs' | sort
	on "$1" ls -lnA --time-style=+ "$at/root/dev" "$at/root/dev/shm" "$at/root/sys/firmware" |
		grep -v '^total' | sed 's|/proc/[0-9]*||'
}
before=$(counted a)
looks a >"$T/looks.before"
check 'it goes to the other host' moved a b c1
check 'it runs there' runs_on b c1
check 'and is gone here' gone_on a c1
check 'it has not begun again' test "$(counted b)" -ge "$before"
check 'it counts on' counts_on b
check 'no record is left here' clean_on a
check 'none there' clean_on b
looks b >"$T/looks.after"
check 'its mounts and devices are as they were' diff "$T/looks.before" "$T/looks.after"
check 'what is masked is so still' fails RB exec c1 touch /sys/firmware/x
check 'and its memory file systems can be written to' RB exec c1 sh -c 'echo x >/dev/shm/x && echo x >/dev/null'
check 'exec works in it' shows hello RB exec c1 echo hello
check 'it goes back' moved b a c1
check 'and counts on' counts_on a
check 'its bundle there is gone' fails on b ls /var/lib/skerry/migrated/c1
RA delete --force c1
done_testing
