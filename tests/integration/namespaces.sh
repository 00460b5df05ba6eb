#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# namespaces.sh - each namespace by creation and by path, what is refused, the
# maps of user namespaces, the offsets of time namespaces, the net devices.
. "$(dirname "$0")/lib.sh"

file_of() {
	case $1 in
	mount) echo mnt ;;
	network) echo net ;;
	*) echo "$1" ;;
	esac
}

# without TYPE: the filter that takes a namespace away
without() {
	echo ".linux.namespaces |= map(select(.type != \"$1\"))"
}

userns='.linux.namespaces += [{"type": "user"}, {"type": "network"}] |
	.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] |
	.linux.gidMappings = [{containerID: 0, hostID: 200000, size: 65536}]'

# --- by creation ------------------------------------------------------------------
for type in mount network pid ipc uts cgroup time; do
	file=$(file_of $type)
	mk "$(without $type) | .linux.namespaces += [{type: \"$type\"}] | $(args readlink "/proc/self/ns/$file")"
	check "$type: a new one" eval "o=\$(R run c1) && isnt \"$(readlink /proc/self/ns/$file)\" \"\$o\""
done
for type in network pid ipc uts cgroup; do
	file=$(file_of $type)
	mk "$(without $type) | $(args readlink "/proc/self/ns/$file") | del(.hostname)"
	check "$type: absent means the caller's" prints "$(readlink /proc/self/ns/$file)" R run c1
done
mk "$(args hostname) | .hostname = \"box\""
check 'hostname is set' prints box R run c1
check 'and not that of the host' isnt box "$(hostname)"
mk "$(args cat /proc/sys/kernel/domainname) | .domainname = \"example.org\""
check 'domainname is set' prints example.org R run c1
mk "$(without uts) | .hostname = \"box\" | $(args true)"
check 'a hostname without a uts namespace is refused' fails R run c1
mk "$(args sh -c 'echo $$')"
check 'the program is process 1' prints 1 R run c1
mk "$(args cat /proc/net/dev) | .linux.namespaces += [{type: \"network\"}]"
check 'a new network namespace has only lo' eval 'is lo "$(R run c1 | tail -n +3 | cut -d: -f1 | tr -d " ")"'
mk "$(args ip addr show lo) | .linux.namespaces += [{type: \"network\"}]"
check 'lo is up' shows 127.0.0.1 R run c1
mk "$(args cat /proc/self/cgroup)"
check 'in a cgroup namespace the own cgroup is /' eval 'is / "$(R run c1 | sed -n s/^0:://p)"'

# --- by path -----------------------------------------------------------------------
# neither peer is new enough for time namespaces
joinable='network pid ipc uts cgroup time'
time=', {type: "time"}'
[ "$KIND" = skerry ] || {
	joinable='network pid ipc uts cgroup'
	time=
}
mk "$(args sleep 1000) | .linux.namespaces += [{type: \"network\"}$time]" "$T/donor"
if up donor; then
	pid=$(pid_of donor)
	for type in $joinable; do
		file=$(file_of $type)
		mk "$(without $type) | .linux.namespaces += [{type: \"$type\", path: \"/proc/$pid/ns/$file\"}] |
			$(args readlink "/proc/self/ns/$file") | del(.hostname)"
		check "$type: joined by path" prints "$(readlink "/proc/$pid/ns/$file")" R run c1
	done
	# its /proc shows the processes of the pid namespace it was mounted in
	mk "$(without mount) | $(without pid) |
		.linux.namespaces += [{type: \"mount\", path: \"/proc/$pid/ns/mnt\"}, {type: \"pid\", path: \"/proc/$pid/ns/pid\"}] | $(args readlink /proc/self/ns/mnt) |
		.mounts = [] | del(.linux.maskedPaths, .linux.readonlyPaths)"
	check 'mount: joined by path, or refused with a message' eval 'if R run c1 >"$T/o" 2>&1; then is "$(readlink "/proc/$pid/ns/mnt")" "$(cat "$T/o")"; else [ -s "$T/o" ]; fi'
	for type in $joinable; do
		wrong=uts
		[ $type = uts ] && wrong=ipc
		mk "$(without $type) | .linux.namespaces += [{type: \"$type\", path: \"/proc/$pid/ns/$wrong\"}] | $(args true) | del(.hostname)"
		check "$type: a path to a namespace of another type is refused" fails R run c1
	done
else
	not_ok 'a container with all namespaces starts'
fi
RD donor
mkfifo "$T/fifo"
: >"$T/plain"
for path in "$T/plain" "$T/fifo" "$T/none" /dev/null relative/path "$T"; do
	mk "$(args true) | .linux.namespaces += [{type: \"network\", path: \"$path\"}]"
	check "a namespace path that is ${path##*/} is refused and does not hang" eval 'TMO=30 fails R run c1'
	RD c1
done
mk "$(args true) | .linux.namespaces += [{type: \"nosuch\"}]"
check 'an unknown type is refused' fails R run c1
mk "$(args true) | .linux.namespaces += [{type: \"pid\"}]"
except crun 'takes it' check 'a type twice is refused' fails R run c1

# --- user namespaces -----------------------------------------------------------------
mk "$(args cat /proc/self/uid_map /proc/self/gid_map) | $userns"
check 'the maps are as asked' eval 'o=$(R run c1 | tr -s " ") && is " 0 100000 65536 0 200000 65536" "$(echo "$o" | tr "\n" " " | tr -s " " | sed "s/ $//")"'
mk "$(args hp self) | $userns"
check 'uid 0 inside' shows 'uid 0 0' R run c1
mk "$(args sleep 1000) | $userns"
up c1
check 'uid 100000 outside' is 100000 "$(awk '/^Uid/ { print $2 }' "/proc/$(pid_of c1)/status")"
check 'gid 200000 outside' is 200000 "$(awk '/^Gid/ { print $2 }' "/proc/$(pid_of c1)/status")"
RD c1
echo secret >"$T/secret" && chmod 600 "$T/secret"
mk "$(args cat /secret) | $userns | .mounts += [{destination: \"/secret\", type: \"bind\", source: \"$T/secret\", options: [\"bind\"]}]"
check 'root inside cannot read a file of root outside' eval '! o=$(R run c1 2>&1); lacks "$o" "^secret"'
mk "$(args ls -ln /dev/null) | $userns"
check 'device nodes are there in a user namespace' shows '1,   3' R run c1
mk "$(args true) | $userns | del(.linux.gidMappings)"
check 'a user namespace without group map is refused' fails R run c1
mk "$(args true) | .linux.uidMappings = [{containerID: 0, hostID: 1, size: 1}] | .linux.gidMappings = .linux.uidMappings"
except 'crun runc' 'ignores them' check 'maps without a user namespace are refused' fails R run c1
mk "$(args cat /proc/self/uid_map) | $userns | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 10}, {containerID: 10, hostID: 300000, size: 5}, {containerID: 70000, hostID: 400000, size: 1}]"
check 'several map lines' eval 'is 3 "$(R run c1 | wc -l)"'
for map in '{containerID: 0, hostID: 4294967295, size: 10}' '{containerID: 0, hostID: 0, size: 0}' '{containerID: 0, hostID: -1, size: 1}'; do
	mk "$(args true) | $userns | .linux.uidMappings = [$map]"
	check "the map $map is refused" fails R run c1
done
mk "$(args true) | $userns | .linux.uidMappings += [{containerID: 5, hostID: 500000, size: 10}]"
check 'overlapping maps are refused' fails R run c1
lines=$(jq -cn '[range(0; 341) | {containerID: ., hostID: (100000 + .), size: 1}]')
mk "$(args true) | $userns | .linux.uidMappings = $lines"
check 'more than 340 map lines are refused' fails R run c1
lines=$(jq -cn '[range(0; 340) | {containerID: ., hostID: (1000 + . * 2), size: 1}]')
mk "$(args true) | $userns | .linux.uidMappings = $lines"
check '340 map lines work' R run c1
mk "$(args hp self) | $userns | .process.user = {uid: 5, gid: 6, additionalGids: [7]}"
check 'a user of a user namespace' eval 'o=$(R run c1) && has "$o" "uid 5 5" && has "$o" "gid 6 6" && has "$o" "groups 7"'
mk "$(args true) | $userns | .process.user = {uid: 70000, gid: 0}"
check 'a user that is not mapped is refused' fails R run c1

# --- time ------------------------------------------------------------------------------
mk "$(args hp clocks) | .linux.namespaces += [{type: \"time\"}] | .linux.timeOffsets = {monotonic: {secs: 7200, nanosecs: 5}, boottime: {secs: 3600}}"
check 'boottime and monotonic are moved' eval 'read -r m b < <(R run c1) && [ $((m - b)) -ge 3000 ] && [ "$b" -ge $(($(cut -d. -f1 /proc/uptime) + 3500)) ]'
mk "$(args true) | .linux.timeOffsets = {boottime: {secs: 5}}"
check 'offsets without a time namespace are refused' fails R run c1
mk "$(args true) | .linux.namespaces += [{type: \"time\"}] | .linux.timeOffsets = {realtime: {secs: 5}}"
except crun 'ignores it' check 'an unknown clock is refused' fails R run c1

# --- net devices ------------------------------------------------------------------------
if ip link add nd0 type veth peer name nd1 2>/dev/null; then
	mk "$(args ip -o link show inner0) | .linux.namespaces += [{type: \"network\"}] | .linux.netDevices = {nd1: {name: \"inner0\"}}"
	except 'crun runc' 'older than the field' check 'netDevices moves and renames a device' shows inner0 R run c1
	ip link del nd0 2>/dev/null
	ip link add nd0 type veth peer name nd1
	ip addr add 10.77.0.2/24 dev nd1 && ip link set nd1 up
	mk "$(args ip -o addr show nd1) | .linux.namespaces += [{type: \"network\"}] | .linux.netDevices = {nd1: {}}"
	except 'crun runc' 'older than the field' check 'netDevices keeps the address' shows 10.77.0.2/24 R run c1
	ip link del nd0 2>/dev/null
	mk "$(args true) | .linux.namespaces += [{type: \"network\"}] | .linux.netDevices = {nosuchdev: {}}"
	except 'crun runc' 'older than the field' check 'a missing net device is refused and named' refuses nosuchdev R run c1
	ip link add nd0 type veth peer name nd1
	mk "$(args true) | .linux.netDevices = {nd1: {}}"
	except 'crun runc' 'older than the field' check 'netDevices without a network namespace is refused' fails R run c1
	check 'the device is still here' ip link show nd1
	ip link del nd0
else
	skip 'netDevices' 'this host has no veth devices'
fi
clean_or_fail
done_testing
