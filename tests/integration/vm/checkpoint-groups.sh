#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: vm
# checkpoint-groups.sh - control groups of what is restored: born in the container's, or below it as it was
#
# shellcheck disable=SC2016
# shellcheck source=tests/integration/vm/checkpoint-lib.sh
. "$(dirname "$0")/checkpoint-lib.sh"

group_of() { sed -n 's/^0:://p' "/proc/$1/cgroup"; }
child_of() { awk '{ print $1 }' "/proc/$1/task/$1/children"; }
# What criu's log says of moving a process into a group.
moved() { grep -c 'Move into' "$I/restore.log"; }
restored() { detached restore -d --image-path "$I" "$@"; }
stopped() {
	rm -rf "$I"
	detached checkpoint --image-path "$I" "$@"
}

# --- all in one -----------------------------------------------------------------------------
# It says itself what it sees of its groups, before and after.
mk "$(args sh -c 'while :; do cat /proc/self/cgroup >/tmp/new; cat /sys/fs/cgroup/cgroup.procs >>/tmp/new; mv /tmp/new /tmp/seen; sleep 0.05; done')"
detached run -d one
eventually test -s "$B/rootfs/tmp/seen"
group=$(group_of "$(pid_of one)")
check 'it sees its group as the top' has "$(cat "$B/rootfs/tmp/seen")" '0::/'
check 'a checkpoint' stopped one
rm -f "$B/rootfs/tmp/seen"
check 'a restore' restored one
check 'moves no process into a group' is 0 "$(moved)"
check 'it is in its group' is "$group" "$(group_of "$(pid_of one)")"
eventually test -s "$B/rootfs/tmp/seen"
check 'sees it as the top' has "$(cat "$B/rootfs/tmp/seen")" '0::/'
check 'and nothing above' fails grep -qF '0::/..' "$B/rootfs/tmp/seen"
check 'finds itself in the mount' grep -qx 1 "$B/rootfs/tmp/seen"
check 'what exec starts has the same group' shows '0::/' R exec one cat /proc/self/cgroup
check 'under another name' stopped one
check 'it comes back' restored two
check 'in the group of that name' has "$(group_of "$(pid_of two)")" two
RD two

# --- the host's namespace of groups ---------------------------------------------------------
mk "$(args sh -c 'while :; do sleep 0.05; done') | .linux.namespaces |= map(select(.type != \"cgroup\")) | .mounts |= map(select(.type != \"cgroup\"))"
detached run -d one
group=$(group_of "$(pid_of one)")
check 'a container without a namespace of groups' stopped one
check 'is restored' restored one
check 'in its group' is "$group" "$(group_of "$(pid_of one)")"
check 'without a namespace of groups' is "$(readlink /proc/self/ns/cgroup)" "$(readlink "/proc/$(pid_of one)/ns/cgroup")"
RD one

# --- groups of its own ----------------------------------------------------------------------
mk "$(args sh -c 'mkdir /sys/fs/cgroup/below && (echo 0 >/sys/fs/cgroup/below/cgroup.procs; exec sleep 1000) & while :; do sleep 0.05; done') |
	(.mounts[] | select(.type == \"cgroup\") | .options) |= map(select(. != \"ro\"))"
has_below() { # ID
	local pid
	pid=$(pid_of "$1")
	[ "$(group_of "$(child_of "$pid")")" = "$(group_of "$pid")/below" ]
}
detached run -d one
eventually has_below one
group=$(group_of "$(pid_of one)")
check 'a process in a group below' stopped one
rmdir "/sys/fs/cgroup$group/below" "/sys/fs/cgroup$group" 2>/dev/null
check 'is restored' restored one
check 'by criu, which moves it' test "$(moved)" -gt 0
check 'into the group below' eventually has_below one
check 'its first process into the container'"'"'s' is "$group" "$(group_of "$(pid_of one)")"
check 'which is the top for it' shows '0::/' R exec one cat /proc/self/cgroup
check 'a twin' detached clone one two
check 'has a group below its own' eventually has_below two
RD one two
done_testing
