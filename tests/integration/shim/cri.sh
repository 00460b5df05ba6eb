#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# cri.sh - pods of containerd's CRI service, as a kubelet makes them: one shim for each pod.
#
# Without control groups of CRI's own (disable_cgroup), so that a host whose controllers are on v1 does too.
# The programs in single quotes are for the shell of a container.
# shellcheck disable=SC2016,SC2317
. "$(dirname "$0")/lib.sh"
needs "no containerd" command -v containerd ctr
needs "no plugins for networks (containernetworking-plugins)" test -x /usr/lib/cni/ptp
needs "no gRPC for Python (python3-grpcio)" /usr/bin/python3 -c 'import grpc'

# shellcheck source=tests/integration/engines/cri-lib.sh
. "$HERE/engines/cri-lib.sh"
cri_config native /usr/lib/cni "disable_cgroup = true"
cat >/run/lab/cni/10-x.conflist <<JSON
{"cniVersion": "0.4.0", "name": "x", "plugins": [{"type": "ptp", "ipMasq": false, "ipam": {"type": "host-local",
 "dataDir": "/run/lab/leases", "ranges": [[{"subnet": "10.199.77.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
JSON

now "containerd starts with its CRI service" containerd_up
check "import an image" import_image
now "a pod" pod p1
pod_call PodSandboxStatus >"$T/pod.json"
ip=$(jq -r .status.network.ip "$T/pod.json")
check "it is ready, by this runtime" is "0 skerry" "$(jq -r '"\(.status.state) \(.status.runtime_handler)"' "$T/pod.json")"
check "it has an address" matches "$ip" '^10\.199\.77\.'
now "a container" container c1 . sh -c 'trap "echo got; exit 3" TERM; echo ready; while :; do sleep 0.1; done'
first=$CONTAINER
check "its log" eventually grep -q 'stdout F ready$' "$LOGS/c1.log"
now "a second one" container c2 . sh -c 'sleep 1000'
check "one shim serves all three" is 1 "$(pgrep -fc '^[^ ]*containerd-shim-skerry-v2')"
check "exec has the pod's network and host name" prints "$ip p1" in_container sh -c \
	'echo $(ip -4 -o addr show eth0 | sed "s/.*inet \([0-9.]*\).*/\1/") $(hostname)'
check "exec's status" status 5 in_container sh -c 'exit 5'
check "exec of a missing program fails" fails in_container nosuchprogram
check "exec that takes too long is ended" refuses DEADLINE container_call ExecSync '{cmd: ["sleep", "100"], timeout: 1}'
check "its processes are gone" eventually eval '[ "$(in_container sh -c "grep -l ^sleep.100 /proc/[0-9]*/cmdline | wc -l")" = 1 ]'
container_call ContainerStats >"$T/stats.json"
check "statistics of processor time" eval '[ "$(jq -r .stats.cpu.usage_core_nano_seconds.value "$T/stats.json")" -gt 0 ]'
check "many execs in a row" eval 'seq 25 |
	while read -r _; do in_container true || exit 1; done'
CONTAINER=$first
check "stop" container_call StopContainer '{timeout: 10}'
check "it has ended with its own status" is "2 3" "$(field '"\(.status.state) \(.status.exit_code)"')"
check "having handled the signal" grep -q 'stdout F got$' "$LOGS/c1.log"
check "remove" container_call RemoveContainer

# --- containerd restarts under a running pod ------------------------------------------------
now "a container that writes all the time" container c3 . sh -c 'i=0; while :; do echo $((i += 1)); sleep 0.05; done'
safe_kill KILL "$CONTAINERD"
wait "$CONTAINERD" 2>/dev/null
sleep 0.5
now "containerd starts again" containerd_up
check "the pod is still ready" is 0 "$(pod_call PodSandboxStatus | jq -r .status.state)"
check "the container still runs" container_is 1
check "exec works" prints hi in_container echo hi
lines=$(wc -l <"$LOGS/c3.log")
check "its log goes on" eventually eval '[ "$(wc -l <"$LOGS/c3.log")" -gt '"$lines"' ]'

check "a container killed from outside is seen" eval 'pid=$(field ".info.info | fromjson | .pid"); safe_kill KILL "$pid" &&
	eventually container_is 2 && is 137 "$(field .status.exit_code)"'
check "stop the pod" pod_call StopPodSandbox
check "remove the pod" pod_call RemovePodSandbox
check "no shim is left" eventually eval '! pgrep -f "^[^ ]*containerd-shim-skerry"'
check "no socket is left" prints "" ls /run/containerd/s
check "no state is left" prints "" ls /run/containerd/skerry/k8s.io

now "a pod with one process namespace" pod p2 '.linux.security_context.namespace_options.pid = 0'
now "a container in it" container s1 '.linux.security_context.namespace_options.pid = 0' sh -c 'sleep 1111 & sleep 1112; :'
check "sees the pause process" shows 1000000 in_container cat /proc/1/cmdline
check "ends with all its processes" eval 'pid=$(field ".info.info | fromjson | .pid"); safe_kill KILL "$pid" &&
	eventually container_is 2 && eventually eval "! pgrep -f \"^sleep 111\""'
check "stop that pod" pod_call StopPodSandbox
check "remove that pod" pod_call RemovePodSandbox

check "five pods, one after the other made, all at once removed" eval '
	for i in 1 2 3 4 5; do pod q$i && container d$i . sleep 1000 && echo "$POD" || exit 1; done >"$T/pods" &&
	is 5 "$(pgrep -fc "^[^ ]*containerd-shim-skerry-v2")" &&
	while read -r POD; do { pod_call StopPodSandbox && pod_call RemovePodSandbox; } >"$T/rm.$POD" 2>&1 & done <<<"$(grep -xE "[0-9a-f]{64}" "$T/pods")"
	wait $(jobs -rp | grep -vx "$CONTAINERD"); eventually eval "! pgrep -f \"^[^ ]*containerd-shim-skerry\""'
check "no socket is left of them" prints "" ls /run/containerd/s
safe_kill TERM "$CONTAINERD"
wait "$CONTAINERD" 2>/dev/null
umount -R /run/lab/state "$T/root" 2>/dev/null
done_testing
