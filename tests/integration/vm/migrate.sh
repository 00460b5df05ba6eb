#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: vm
# migrate.sh - a container goes to another host and back: its memory, files, groups
#
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/integration/vm/migrate-lib.sh
. "$(dirname "$0")/migrate-lib.sh"

check 'a container runs on one host' started tmp/count sh -c "$COUNTER"
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
