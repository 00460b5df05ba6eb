#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: vm
# vm: --mem 3072
# cri-limits.sh - limits, statistics and ends for lack of memory of pods' containers, by cgroupfs and by systemd.
#
# The programs in single quotes are for the shell of a container.
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/integration/vm/guest.sh
. "$(dirname "$0")/../vm/guest.sh"
export SHIM=$BUILD/containerd-shim-skerry-v2
# shellcheck source=tests/integration/engines/cri-lib.sh
. "$(dirname "$0")/cri-lib.sh"

our_network
cri_config overlayfs "$T/cnibin"
group() { # the container's
	cgroup_of "$(pid)"
}

now "containerd starts with its CRI service" containerd_up
check "import an image" import_image
now "a pod" pod n2
limits='.linux.resources = {memory_limit_in_bytes: 67108864, cpu_period: 100000, cpu_quota: 50000, cpu_shares: 512}'
now "a container with limits" container l1 "$limits" sh -c 'x=$(head -c 3000000 /dev/zero | tr "\0" x); sleep 100000'
limited=$CONTAINER
check "they are its group's" is "67108864 50000 100000" "$(<"$(group)/memory.max") $(<"$(group)/cpu.max")"
check "shares become a weight" is 59 "$(<"$(group)/cpu.weight")"
check "update" container_call UpdateContainerResources '{linux: {memory_limit_in_bytes: 134217728, cpu_period: 100000, cpu_quota: 80000}}'
check "is its group's" is "134217728 80000 100000" "$(<"$(group)/memory.max") $(<"$(group)/cpu.max")"
check "a limit below what is used is refused or ends it, nothing hangs" eval 'container_call UpdateContainerResources "{linux: {memory_limit_in_bytes: 4096}}"; true'
CONTAINER=$limited
now "one that uses memory" container l2 "$limits" sh -c 'x=$(head -c 9000000 /dev/zero | tr "\0" x); sleep 100000; :'
stats_say() { # JQ-FILTER
	container_call ContainerStats | jq -e "$1"
}
check "statistics: memory in use and the working set" within 60 stats_say '.stats.memory | .usage_bytes.value > 8000000 and .working_set_bytes.value > 4000000'
check "statistics: processor time" within 60 stats_say '.stats.cpu.usage_core_nano_seconds.value > 50000000'
check "statistics of all" eval 'call ListContainerStats "{}" | jq -e "[.stats[].attributes.metadata.name] | contains([\"l2\"])"'
ctr -n k8s.io task metrics "$CONTAINER" >"$T/metrics" 2>&1
all_figures() {
	local key
	for key in cpu.usage_usec cpu.user_usec cpu.system_usec cpu.nr_periods cpu.throttled_usec memory.usage memory.usage_limit; do
		grep -q "^$key " "$T/metrics" && continue
		echo "no $key"
		cat "$T/metrics"
		return 1
	done
}
check "ctr task metrics: the group's figures" all_figures
# Beside the program: where it is looked for first.
ln -s "$BUILD/skerry-systemd" "$T/bin/"
check "the limit among them" shows 67108864 grep memory.usage_limit "$T/metrics"
now "a container that wants more than its limit" container o1 '.linux.resources = {memory_limit_in_bytes: 16777216, memory_swap_limit_in_bytes: 16777216}' sh -c 'x=a; while :; do x=$x$x; done'
check "ends" within 60 container_is 2
check "for the reason OOMKilled" is "OOMKilled 137" "$(field '"\(.status.reason) \(.status.exit_code)"')"
first=$POD
now "a group by systemd" pod y1 '.linux.cgroup_parent = "lab-pods.slice"'
now "a container in it" container y2 "$limits" sleep 100000
check "is a scope of that slice" matches "$(group)" "lab.slice/lab-pods.slice/cri-containerd-$CONTAINER.scope"
check "with the limits" is 67108864 "$(<"$(group)/memory.max")"
check "update by systemd" eval 'container_call UpdateContainerResources "{linux: {memory_limit_in_bytes: 134217728}}" && is 134217728 "$(<"$(group)/memory.max")"'
check "pause and resume by ctr" eval 'ctr -n k8s.io task pause "$CONTAINER" && file_has "$(group)/cgroup.events" "frozen 1" && ctr -n k8s.io task resume "$CONTAINER"'
check "that pod ends as well" end_pod

POD=$first
check "the first pod ends" end_pod
check "no group is left" prints "" find /sys/fs/cgroup -path '*k8s.io/*' -type d
nothing_is_left
done_testing
