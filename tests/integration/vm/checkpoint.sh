#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: vm
# checkpoint.sh - checkpoint, restore and clone with criu
#
# A native run has no criu that works on its kernel; the machine's Debian has.
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/integration/vm/guest.sh
. "$(dirname "$0")/guest.sh"

needs 'no criu' command -v criu

TMO=200
I=$T/images
rootfs_template
config_template

# A program that counts: its memory is in the shell's variable n.
counter='n=0; while :; do n=$((n + 1)); echo $n >/tmp/count; sleep 0.05; done'
# the shell empties the file before it writes
count() {
	local n=
	until [ -n "$n" ]; do n=$(cat "$B/rootfs/tmp/count") || return; done
	echo "$n"
}
counts_on() {
	local before
	before=$(count)
	eventually eval '[ "$(count)" -gt '"$before"' ]'
}
# detached, with nothing of ours as its descriptors
detached() {
	R "$@" </dev/null >"$T/detached.out" 2>&1 || { cat "$T/detached.out"; return 1; }
}
logs() {
	local log
	for log in "$I"/*.log; do
		[ ! -f "$log" ] || grep -nE 'Error|Warn' "$log" | tail -n 15
	done
}
# with_log COMMAND...: and criu's words when it fails
with_log() {
	"$@" || { logs; return 1; }
}
fresh() { rm -rf "$I"; }

mk "$(args sh -c "$counter") | .linux.namespaces += [{\"type\": \"network\"}]"
before=$(inv)
check 'a container runs' detached run -d c1
eventually test -s "$B/rootfs/tmp/count"
pid=$(pid_of c1)
check 'checkpoint ends the container' with_log detached checkpoint --image-path "$I" c1
check 'its state is gone' gone c1
check 'its processes are gone' fails kill -0 "$pid"
check 'the images are there' test -s "$I/inventory.img"
check 'descriptors.json says what 0 was' test "$(jq -r '.[0]' "$I/descriptors.json")" != ''
at=$(count)
sleep 0.3
check 'it stands still' is "$at" "$(count)"
check 'restore continues it' with_log detached restore -d --image-path "$I" --pid-file "$T/pid" c1
check 'it counts on from where it was' counts_on
check 'it did not begin again' test "$(count)" -gt "$at"
check 'state says running' is_status running c1
check 'the pid file has its process' is "$(pid_of c1)" "$(cat "$T/pid")"
check 'exec works in it' shows hello R exec c1 echo hello
check 'it is in its control group' has "$(cat "/proc/$(pid_of c1)/cgroup")" c1
check 'kill ends it' R kill c1 KILL
eventually is_status stopped c1
check 'delete removes it' R delete c1
check 'nothing is left' is "$before" "$(inv)"

# --- left running, paused, twice ---------------------------------------------------
fresh
check 'it runs once more' detached run -d c2
eventually test -s "$B/rootfs/tmp/count"
check '--leave-running' with_log detached checkpoint --leave-running --image-path "$I" c2
check 'it still runs' is_status running c2
check 'and counts' counts_on
check 'an existing id is refused' refuses 'already exists' R restore -d --image-path "$I" c2
check 'a checkpoint of what is not there' refuses 'does not exist' R checkpoint --image-path "$I" c9
RD c2
check 'images are good after that' with_log detached restore -d --image-path "$I" c3
check 'under another id too' counts_on
check 'in a group of that name' has "$(cat "/proc/$(pid_of c3)/cgroup")" c3
fresh
check 'a restored one can be checkpointed' with_log detached checkpoint --image-path "$I" c3
check 'and restored' with_log detached restore -d --image-path "$I" c3
check 'and counts still' counts_on
RD c3

# --- foreground ---------------------------------------------------------------------
fresh
mk "$(args sh -c 'trap "exit 7" TERM; echo up >/tmp/up; while :; do sleep 0.05; done')"
detached run -d c4
eventually test -s "$B/rootfs/tmp/up"
check 'a container with a handler' with_log detached checkpoint --image-path "$I" c4
R restore --image-path "$I" c4 </dev/null >"$T/out" 2>&1 &
waiter=$!
eventually is_status running c4
check 'it takes a signal' R kill c4 TERM
wait $waiter
check 'restore in the foreground ends with its status' is 7 $?
eventually gone c4
check 'and deletes it' gone c4

# --- mounts, pipes, masks ----------------------------------------------------------
fresh
mkdir -p "$T/volume"
echo file >"$T/single"
mk "$(args sh -c 'n=0; while :; do n=$((n+1)); echo "$n"; echo $n >/data/count; sleep 0.05; done') |
	.mounts += [{\"destination\": \"/data\", \"type\": \"bind\", \"source\": \"$T/volume\", \"options\": [\"rbind\", \"rw\"]},
		{\"destination\": \"/etc/single\", \"type\": \"bind\", \"source\": \"$T/single\", \"options\": [\"bind\", \"ro\"]}]"
R run -d c5 </dev/null > >(cat >"$T/piped") 2>&1
eventually test -s "$T/volume/count"
check 'a container with volumes and a pipe' with_log detached checkpoint --image-path "$I" c5
R restore -d --image-path "$I" c5 </dev/null > >(cat >"$T/piped2") 2>&1
check 'its output goes into the new pipe' eventually test -s "$T/piped2"
check 'and goes on' test "$(head -n 1 "$T/piped2")" -gt 1
check 'the volume is mounted' eventually eval '[ "$(cat $T/volume/count)" -gt "$(head -n 1 $T/piped2)" ]'
check 'the file is mounted' shows file R exec c5 cat /etc/single
check 'masked files are' prints '' R exec c5 cat /proc/kcore
check 'read-only paths are' fails R exec c5 sh -c 'echo 1 >/proc/sys/kernel/panic'
check 'its file system is its own' shows hp R exec c5 ls /bin
RD c5

# stdout on a file of the host
fresh
mk "$(args sh -c "$counter")"
R run -d c6 </dev/null >"$T/to-file" 2>&1
eventually test -s "$B/rootfs/tmp/count"
check 'stdout on a file of the host' with_log detached checkpoint --image-path "$I" c6
check 'is restored' with_log detached restore -d --image-path "$I" c6
check 'and counts on' counts_on
RD c6

# and on a named pipe of the host, as engines give them
fresh
mk "$(args sh -c "$counter") | .process.args[2] |= sub(\"sleep\"; \"echo tick; sleep\")"
mkfifo "$T/fifo"
cat "$T/fifo" >"$T/named" &
R run -d c6 </dev/null >"$T/fifo" 2>&1
eventually test -s "$B/rootfs/tmp/count"
check 'stdout on a named pipe' with_log detached checkpoint --image-path "$I" c6
cat "$T/fifo" >"$T/named2" &
R restore -d --image-path "$I" c6 </dev/null >"$T/fifo" 2>&1
check 'goes into the next one' eventually grep -q tick "$T/named2"
RD c6

# --- what can't be ---------------------------------------------------------------------
fresh
mk "$(args sleep 1000)"
R create c7 </dev/null >/dev/null 2>&1
check 'a created one is refused' refuses 'only a running one' R checkpoint --image-path "$I" c7
RD c7
detached run -d c7
check 'an absolute parent is refused' refuses 'relative' R checkpoint --parent-path /x --image-path "$I" c7
check 'a criu that is not there' refuses '/no/criu' env SKERRY_CRIU=/no/criu timeout 60 "$SKERRY" --root "$ROOT" checkpoint --image-path "$I" c7
check 'a mode that is none' refuses 'manage-cgroups-mode' R checkpoint --manage-cgroups-mode odd --image-path "$I" c7
check 'it runs on after all of that' is_status running c7
RD c7
mkdir -p "$I"
rm -rf "${I:?}"/*
check 'images that are none' refuses 'log file' R restore -d --image-path "$I" c8
check 'leave nothing' gone c8

# --- clone -----------------------------------------------------------------------------
mk "$(args sh -c 'n=0; while :; do n=$((n + 1)); echo $n >/tmp/count.$$; echo $n >/tmp/count; sleep 0.05; done') | .linux.namespaces += [{\"type\": \"network\"}]"
check 'one to be cloned' detached run -d one
eventually test -s "$B/rootfs/tmp/count"
check 'clone makes a twin' detached clone one two
check 'the first runs' is_status running one
check 'the twin runs' is_status running two
check 'in another group' has "$(cat "/proc/$(pid_of two)/cgroup")" two
check 'with another process' isnt "$(pid_of one)" "$(pid_of two)"
check 'with a network namespace of its own' isnt "$(readlink "/proc/$(pid_of one)/ns/net")" "$(readlink "/proc/$(pid_of two)/ns/net")"
check 'no images are left' fails ls -d "$ROOT"/.clone-*
check 'a taken id is refused' refuses 'already exists' R clone one two
RD one two
check 'nothing is left of them' is "$before" "$(inv)"

# --- pre-dump ------------------------------------------------------------------------------
if ! criu check --feature mem_dirty_track >/dev/null 2>&1; then
	skip 'a pre-dump and a last one' 'this kernel does not track changed memory'
	done_testing
fi
fresh
mk "$(args sh -c "$counter")"
detached run -d c10
eventually test -s "$B/rootfs/tmp/count"
check 'a pre-dump' with_log detached checkpoint --pre-dump --image-path "$I/1" c10
check 'lets it run' counts_on
check 'the last one has a parent' with_log detached checkpoint --parent-path ../1 --image-path "$I/2" c10
check 'the chain is a link' is ../1 "$(readlink "$I/2/parent")"
check 'the chain is restored' with_log detached restore -d --image-path "$I/2" c10
check 'and it counts on' counts_on
RD c10
done_testing
