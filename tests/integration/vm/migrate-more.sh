#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: vm
# migrate-more.sh - a container of an image with its log, one with a file for a volume, between files, a pod
#
# migrate/image.sh and migrate/options.sh have the details; here criu has to find its files again.
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/integration/vm/migrate-lib.sh
. "$(dirname "$0")/migrate-lib.sh"

# --- a container of an image: files of the layer and of the upper directory are open and mapped ------------
STORE=/var/lib/skerry/images
tar -C "$T/rootfs" -cf "$T/root.tar" . && on a "$SKERRY" import "$T/root.tar" img >"$T/import.out" 2>&1
check 'a container of an image' detached_on a run -d --image img --net none c1 sh -c '
	echo mine >/mine; exec 7>>/mine 8</etc/group; rm /etc/passwd
	(i=0; while :; do i=$((i + 1)); echo "line $i"; sleep 0.05; done) &
	'"$COUNTER"
# logged NAME: its log there, of which no line is missing
logged() {
	on "$1" "$SKERRY" --root "$ROOT/$1" logs c1 | awk '$2 != NR { print "line " NR ": " $0; bad = 1 } END { exit bad || !NR }'
}
check 'counts' eventually eval '[ -n "$(counted a)" ]'
before=$(counted a)
check 'it moves' moved a b c1
diag <"$T/moved.out"
check 'with its layer' grep -q '^layers *1 of 1' "$T/moved.out"
check 'it runs there alone' only b
check 'and has not begun again' test "$(counted b)" -ge "$before"
check 'its log went along' logged b
check 'and is written on' eval 'n=$(RB logs c1 | wc -l); eventually eval "[ \$(RB logs c1 | wc -l) -gt \$n ]" && logged b'
check 'what it removed is gone there too' fails RB exec c1 test -e /etc/passwd
check 'and what it wrote is there' prints mine RB exec c1 cat /mine
check 'its root is one of the store' on b grep -q "$STORE/containers/c1/merged" /proc/self/mountinfo
check 'it goes back without a layer' eval 'moved b a c1 && grep -q "^layers *0 of 1" "$T/moved.out"'
check 'it counts on' counts_on a
check 'its log has all it ever wrote' logged a
RA delete --force c1
check 'its root is gone on both' eval 'fails on a ls $STORE/containers/c1 && fails on b ls $STORE/containers/c1'

# --- a file for a volume -------------------------------------------------------------------------------
FILE=/var/lib/skerry/app.conf
on a sh -c "echo one >$FILE"
mk "$(args sh -c "exec 9</etc/app.conf; $COUNTER") | .mounts += [{\"destination\": \"/etc/app.conf\", \"type\": \"bind\", \"source\": \"$FILE\", \"options\": [\"bind\"]}]"
check 'a container with a file for a volume' eval 'detached_on a run -d -b "$B" c1 && eventually test -s "$B/rootfs/tmp/count"'
check 'moves, with the file open' moved a b c1
check 'it has the file there' prints one RB exec c1 cat /etc/app.conf
check 'which is that of the host' on b sh -c "echo two >>$FILE"
check 'and of the descriptor that was open' prints 'one
two' on b cat "/proc/$(pid_on b c1)/fd/9"
RB delete --force c1

# --- input and output that are files of the host -----------------------------------------------------------
seq 100000 >"$T/input"
mk "$(args sh -c 'while read -r x; do echo "read $x"; echo $x >/tmp/count; sleep 0.05; done')"
on a "$SKERRY" --root "$ROOT/a" run -d -b "$B" c1 <"$T/input" >"$T/output" 2>&1
check 'a container between two files' eventually eval '[ "$(wc -l <"$T/output")" -gt 2 ]'
check 'moves' moved a b c1
check 'it reads on there' counts_on b
check 'and writes into its log, from the next line on' is "read $(($(wc -l <"$T/output") + 1))" "$(RB logs c1 | head -n 1)"
check 'the file here is as it was left' eval 'tail -n 1 "$T/output" | grep -q "^read $(wc -l <"$T/output")$"'
RB delete --force c1

# --- a pod: the second container is in the first one's network namespace ------------------------------------
# netns [PATH]: a network namespace of its own, or that one
netns() { echo ".linux.namespaces |= map(select(.type != \"network\")) + [{type: \"network\"${1:+, path: \"$1\"}}]"; }
check 'a server' eval 'mk "$(args sh -c "echo up >/tmp/up; exec nc -ll -p 5000 -e cat") | $(netns)" && detached_on a run -d -b "$B" c1 && eventually test -e "$B/rootfs/tmp/up"'
mk "$(args sh -c 'exec >/dev/null 2>&1; n=0; while :; do [ "$(echo $n | timeout 3 nc 127.0.0.1 5000)" = $n ] && echo $n >/tmp/count; n=$((n + 1)); sleep 0.1; done') |
	$(netns "/proc/$(pid_on a c1)/ns/net")" "$T/b2"
check 'and a client beside it' eval 'detached_on a run -d -b "$B" c2 && eventually test -s "$B/rootfs/tmp/count"'
answered() { on "$1" cat "/proc/$(pid_on "$1" c2)/root/tmp/count"; }
check 'the second needs the first there' refuses 'whose network namespace it is to have' moved a b c2 --netns container:c1
check 'the first goes' moved a b c1
diag <"$T/moved.out"
check 'then the second, into its namespace' moved a b c2 --netns container:c1
diag <"$T/moved.out"
check 'they are in one' is "$(on b readlink "/proc/$(pid_on b c1)/ns/net")" "$(on b readlink "/proc/$(pid_on b c2)/ns/net")"
before=$(answered b)
check 'and talk to each other' eventually eval '[ "$(answered b)" -gt "${before:-0}" ]'
check 'nothing is left here' eval 'gone_on a c1 && gone_on a c2 && clean_on a'
RB delete --force c2
RB delete --force c1

# --- a process in a group below the container's: criu has started over there before that is known ------------
mk "$(args sh -c "mkdir /sys/fs/cgroup/below && (echo 0 >/sys/fs/cgroup/below/cgroup.procs; exec sleep 1000) & $COUNTER") |
	(.mounts[] | select(.type == \"cgroup\") | .options) |= map(select(. != \"ro\"))"
group_on() { on "$1" sed -n 's/^0:://p' "/proc/$2/cgroup"; }
# below NAME: its child is in the group below its own there
below() {
	local pid child
	pid=$(pid_on "$1" c1) && child=$(awk '{ print $1 }' "/proc/$pid/task/$pid/children") &&
		[ "$(group_on "$1" "$child")" = "$(group_on "$1" "$pid")/below" ]
}
check 'a process in a group below' eval 'detached_on a run -d -b "$B" c1 && eventually below a'
check 'moves' moved a b c1
diag <"$T/moved.out"
check 'into the group below' eventually below b
check 'and its parent counts on' counts_on b
RB delete --force c1
done_testing
