#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: vm
# vm: --append hugepages=16
# limits.sh - linux.resources of config.json, read back from the files of the group, with both managers.
#
# runtime-spec config-linux.md "Control groups"; runtime.md's table of v1 values on v2.
# shellcheck disable=SC2016,SC2119,SC2317
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/integration/vm/guest.sh
. "$(dirname "$0")/guest.sh"

disk=$(stat -c '%Hr %Lr' /dev/vda) # major minor of the root disk
major=${disk% *}
minor=${disk#* }
n=0
GLOBAL=()

S() {
	timeout -k 5 60 "$SKERRY" --root "$ROOT" "${GLOBAL[@]}" "$@"
}

# bundle RESOURCES: the one bundle, with them, for the next container
bundle() {
	n=$((n + 1))
	ID=c$n
	jq ".process.args = [\"sleep\", \"1000\"] | .linux.resources = ($1) | .linux.cgroupsPath = \"$(path_of $ID)\"" \
		"$T/base.json" >"$B/config.json"
}

# start RESOURCES: a container "cN" of this manager with them; $G is its group then
start() {
	bundle "$1"
	S run -d "$ID" </dev/null || return
	G=$(limits_at "$ID")
	[ -d "$G" ]
}

finish() {
	S delete --force "$ID"
	[ ! -d "$G" ] || {
		echo "still there: $G"
		return 1
	}
}

path_of() { # ID
	if [ "$MANAGER" = systemd ]; then
		echo "test.slice:limits:$1"
	else
		echo "/test/limits/$1"
	fi
}

# sets NAME RESOURCES [FILE VALUE]...: the files have these values; FILE+ means: VALUE is one of its lines
sets() {
	local name=$1
	if ! start "$2" >"$T/start.out" 2>&1; then
		not_ok "$MANAGER: $name"
		diag <"$T/start.out"
		S delete --force "$ID" >/dev/null 2>&1
		return
	fi
	shift 2
	while [ $# -gt 0 ]; do
		case $1 in
		*+) check "$MANAGER: $name: ${1%+}" file_has "$G/${1%+}" "$2" ;;
		*) check "$MANAGER: $name: $1" holds "$G/$1" "$2" ;;
		esac
		shift 2
	done
	finish >"$T/finish.out" 2>&1 || {
		not_ok "$MANAGER: $name: removed"
		diag <"$T/finish.out"
	}
}

# refused NAME RESOURCES
refused() {
	bundle "$2"
	check "$MANAGER: $1" fails S run -d "$ID"
	S delete --force "$ID" >/dev/null 2>&1
	except crun "it leaves the group behind" check "$MANAGER: $1: nothing is left" eval '! find /sys/fs/cgroup -type d -name "*'$ID'*" | grep .'
}

limits() {
	local weights='{weight: 500}' weight_file=io.bfq.weight+ weight_line="default 500"
	if [ ! -e /sys/fs/cgroup/init.scope/io.bfq.weight ]; then
		weights='{weight: 1000}' weight_file=io.weight+ weight_line="default 10000"
	fi
	# controllers don't know of each other: one container for a case of each
	sets "limits" '{memory: {limit: 67108864, reservation: 33554432, swap: 134217728}, pids: {limit: 77},
		cpu: {quota: 50000, period: 100000, shares: 512, cpus: "0", mems: "0"}, hugepageLimits: [{pageSize: "2MB", limit: 4194304}],
		blockIO: {throttleReadBpsDevice: [{major: '"$major"', minor: '"$minor"', rate: 1048576}],
		throttleWriteIOPSDevice: [{major: '"$major"', minor: '"$minor"', rate: 200}]}}' \
		memory.max 67108864 memory.low 33554432 memory.swap.max 67108864 pids.max 77 cpu.max "50000 100000" \
		cpu.weight "$(weight 512)" cpuset.cpus 0 cpuset.mems 0 hugetlb.2MB.max 4194304 \
		io.max "$major:$minor rbps=1048576 wbps=max riops=max wiops=200"
	sets "no swap, least shares, all rates of a device" '{memory: {limit: 67108864, swap: 67108864}, pids: {limit: -1},
		cpu: {quota: 20000, period: 50000, shares: 2, cpus: "0-1"},
		blockIO: {throttleReadBpsDevice: [{major: '"$major"', minor: '"$minor"', rate: 1048576}],
		throttleWriteBpsDevice: [{major: '"$major"', minor: '"$minor"', rate: 2097152}],
		throttleReadIOPSDevice: [{major: '"$major"', minor: '"$minor"', rate: 100}],
		throttleWriteIOPSDevice: [{major: '"$major"', minor: '"$minor"', rate: 200}]}}' \
		memory.max 67108864 memory.swap.max 0 pids.max max cpu.max "20000 50000" cpu.weight 1 cpuset.cpus 0-1 \
		io.max "$major:$minor rbps=1048576 wbps=2097152 riops=100 wiops=200"
	sets "no limit, a quota alone, most shares, a device's weight" '{memory: {limit: -1, swap: -1},
		cpu: {quota: 30000, shares: 262144}, blockIO: '"$weights"'}' \
		memory.max max memory.swap.max max cpu.max "30000 100000" cpu.weight 10000 $weight_file "$weight_line"
	sets "a limit alone, no quota, default shares" '{memory: {limit: 67108864}, cpu: {quota: -1, shares: 1024}}' \
		memory.max 67108864 memory.swap.max max cpu.max "max 100000" cpu.weight "$(weight 1024)"
	sets "unlimited swap" '{memory: {limit: 67108864, swap: -1}}' memory.max 67108864 memory.swap.max max
	sets "unified" '{unified: {"memory.high": "50331648", "memory.min": "1048576", "pids.max": "55", "cpu.weight": "321",
		"memory.oom.group": "1", "cpu.max": "10000 50000"}}' \
		memory.high 50331648 memory.min 1048576 pids.max 55 cpu.weight 321 memory.oom.group 1 cpu.max "10000 50000"
	sets "unified after the rest" '{memory: {limit: 67108864}, unified: {"memory.max": "100663296"}}' memory.max 100663296
	case $KIND in
	skerry)
		sets "idle" '{cpu: {idle: 1}}' cpu.idle 1
		sets "burst" '{cpu: {quota: 50000, period: 100000, burst: 20000}}' cpu.max.burst 20000
		;;
	*) skip "$MANAGER: idle and burst" "$KIND of the guest is older than they" ;;
	esac

	refused "an unknown file of unified" '{unified: {"memory.nonesuch": "1"}}'
	refused "a path in unified" '{unified: {"../memory.max": "1"}}'
	refused "a processor that is not there" '{cpu: {cpus: "999"}}'
	refused "an unknown size of huge pages" '{hugepageLimits: [{pageSize: "3MB", limit: 4194304}]}'

	# update, and what the limits do
	check "$MANAGER: something to update" start '{memory: {limit: 134217728}, pids: {limit: 20}}'
	G=$(limits_at "$ID")
	check "$MANAGER: update by flags" S update --memory 67108864 --pids-limit 33 --cpu-quota 40000 --cpu-period 100000 --cpu-share 512 "$ID"
	check "$MANAGER: memory is updated" holds "$G/memory.max" 67108864
	check "$MANAGER: tasks are" holds "$G/pids.max" 33
	check "$MANAGER: quota is" holds "$G/cpu.max" "40000 100000"
	check "$MANAGER: weight is" holds "$G/cpu.weight" "$(weight 512)"
	echo '{"memory": {"limit": 100663296}, "cpu": {"cpus": "0"}}' >"$T/r.json"
	check "$MANAGER: update by file" S update -r "$T/r.json" "$ID"
	check "$MANAGER: memory is updated again" holds "$G/memory.max" 100663296
	check "$MANAGER: processors are" holds "$G/cpuset.cpus" 0
	check "$MANAGER: what it did not name stays" holds "$G/pids.max" 33
	check "$MANAGER: it goes" finish

	# as runc: memory.swap is the sum, and a later update of one of them knows it
	check "$MANAGER: memory with swap" start '{memory: {limit: 67108864, swap: 134217728}}'
	check "$MANAGER: another limit of memory" S update --memory 100663296 "$ID"
	check "$MANAGER: the sum with swap stays" holds "$G/memory.swap.max" 33554432
	check "$MANAGER: no limit of memory" S update --memory -1 "$ID"
	check "$MANAGER: lifts that of swap" holds "$G/memory.swap.max" max
	check "$MANAGER: memory and swap go" finish

	check "$MANAGER: few tasks" start '{pids: {limit: 5}}'
	check "$MANAGER: more are refused" fails S exec "$ID" sh -c 'for i in 1 2 3 4 5 6 7 8; do sleep 5 & done; wait'
	check "$MANAGER: it goes too" finish
	mk ".process.args = [\"sh\", \"-c\", \"x=a; while :; do x=\$x\$x; done\"] | .linux.resources = {memory: {limit: 16777216, swap: 16777216}} | .linux.cgroupsPath = \"$(path_of oom)\""
	check "$MANAGER: out of memory" status 137 S run oom
	check "$MANAGER: and nothing is left of it" eval '! find /sys/fs/cgroup -type d -name "*oom*" | grep .'
}

MANAGER=cgroupfs
mk .
limits
check "cgroupfs: controllers come on the way" start '{memory: {limit: 67108864}}'
check "cgroupfs: where it was asked for" is "/sys/fs/cgroup/test/limits/$ID" "$G"
check "cgroupfs: removed" finish
rmdir /sys/fs/cgroup/test/limits /sys/fs/cgroup/test 2>/dev/null

MANAGER=systemd
GLOBAL=(--systemd-cgroup)
limits
systemctl stop test.slice 2>/dev/null

check "no container is left" prints "" S list -q
done_testing
