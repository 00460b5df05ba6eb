#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: vm
# vm: --mem 3072
# cri.sh - pods of containerd's CRI service, as a kubelet makes them, with the runtime under test.
#
# Once with groups that the runtime makes, once with groups that systemd makes.
# The programs in single quotes are for the shell of a container.
# shellcheck disable=SC2016,SC2119,SC2317
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/integration/vm/guest.sh
. "$(dirname "$0")/../vm/guest.sh"

IMAGE=docker.io/library/bb:1
here=$(dirname "$0")
LOGS=$T/logs
mkdir -p "$LOGS"

configure() { # true or false: whether systemd makes the groups
	mkdir -p /etc/containerd /etc/cni/net.d
	cat >/etc/containerd/config.toml <<CONF
version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$IMAGE"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "tested"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.tested]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.tested.options]
        BinaryName = "$SKERRY"
        SystemdCgroup = $1
CONF
	cat >/etc/cni/net.d/10-test.conflist <<'JSON'
{"cniVersion": "1.0.0", "name": "test", "plugins": [
 {"type": "bridge", "bridge": "cnitest0", "isGateway": true, "ipMasq": true,
  "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.213.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
 {"type": "portmap", "capabilities": {"portMappings": true}}]}
JSON
	systemctl restart containerd
	within 60 "$here/cri" Status
}

# call CALL JQ-FILTER [JQ-ARGUMENT...]: the reply to a request that jq makes.
call() {
	local name=$1 filter=$2
	shift 2
	"$here/cri" "$name" "$(jq -cn "$filter" "$@")"
}

# pod NAME [FILTER]: its configuration in $POD_JSON, its id in $POD
pod() {
	POD_JSON=$(jq -cn --arg n "$1" --arg logs "$LOGS" --arg parent "$PARENT" '{metadata: {name: $n, uid: $n, namespace: "test"}, hostname: $n,
		log_directory: $logs, linux: {cgroup_parent: $parent, security_context: {namespace_options: {pid: 1}}}} | '"${2:-.}")
	POD=$(call RunPodSandbox '{config: $c}' --argjson c "$POD_JSON" | jq -r .pod_sandbox_id)
	[ -n "$POD" ]
}

# container NAME FILTER COMMAND...: made and started, its id in $CONTAINER
container() {
	local name=$1 filter=$2 config
	shift 2
	config=$(jq -cn --arg n "$name" --arg i "$IMAGE" '{metadata: {name: $n}, image: {image: $i}, command: $ARGS.positional, log_path: ($n + ".log"),
		linux: {security_context: {namespace_options: {pid: 1}}}} | '"$filter" --args -- "$@")
	CONTAINER=$(call CreateContainer '{pod_sandbox_id: $p, config: $c, sandbox_config: $s}' \
		--arg p "$POD" --argjson c "$config" --argjson s "$POD_JSON" | jq -r .container_id)
	[ -n "$CONTAINER" ] && call StartContainer '{container_id: $c}' --arg c "$CONTAINER"
}

# with NAME FILTER COMMAND...: the log of a container that runs to its end
with() {
	container "$@" >/dev/null || return
	within 20 container_is 2 || return
	awk '{ $1 = $2 = $3 = ""; print substr($0, 4) }' "$LOGS/$1.log"
}

# field FILTER: of the container's status
field() {
	call ContainerStatus '{container_id: $c, verbose: true}' --arg c "$CONTAINER" | jq -r "$1"
}

container_is() { # 1 running, 2 exited
	is "$1" "$(field .status.state)"
}

in_container() { # COMMAND...
	local reply
	reply=$(call ExecSync '{container_id: $c, cmd: $ARGS.positional, timeout: 30}' --arg c "$CONTAINER" --args -- "$@") || return
	jq -jr .stdout <<<"$reply"
	return "$(jq -r .exit_code <<<"$reply")"
}

pod_call() { # CALL
	call "$1" '{pod_sandbox_id: $p}' --arg p "$POD"
}

container_call() { # CALL [MORE]
	call "$1" '{container_id: $c} + '"${2:-{\}}" --arg c "$CONTAINER"
}

now() { # NAME COMMAND...: as check, in this shell, for what sets variables
	local name=$1
	shift
	if "$@" >"$T/now.out" 2>&1; then
		ok "$name"
	else
		not_ok "$name"
		head -c 3000 "$T/now.out" | diag
	fi
}

pods() { # NAME-OF-THE-MANAGER
	now "$1: a pod" pod "p1-$1"
	check "$1: it is ready" is 0 "$(pod_call PodSandboxStatus | jq .status.state)"
	check "$1: it has an address" matches "$(pod_call PodSandboxStatus | jq -r .status.network.ip)" '^10\.213\.0\.'
	now "$1: a container" container "c1-$1" . sh -c 'trap "echo got; exit 3" TERM; echo ready; while :; do sleep 0.1; done'
	check "$1: it runs" container_is 1
	check "$1: its log" within 10 grep -q 'stdout F ready$' "$LOGS/c1-$1.log"
	check "$1: exec" prints in in_container echo in
	check "$1: exec's status" status 5 in_container sh -c 'exit 5'
	check "$1: exec of a missing program fails" fails in_container nosuchprogram
	check "$1: exec that takes too long is ended" refuses DEADLINE container_call ExecSync '{cmd: ["sleep", "100"], timeout: 1}'
	check "$1: nothing of it is left" prints "" eval 'in_container ps | grep "sleep 100\$"; true'
	check "$1: the pod's network" prints "$(pod_call PodSandboxStatus | jq -r .status.network.ip)" \
		in_container sh -c 'ip -4 -o addr show eth0 | sed "s/.*inet \([0-9.]*\).*/\1/"'
	check "$1: the host is in reach" in_container ping -c 1 -W 5 10.213.0.1
	check "$1: the pod's host name" prints "p1-$1" in_container hostname
	check "$1: an own pid namespace" shows trap in_container cat /proc/1/cmdline
	check "$1: statistics of memory" eval '[ "$(container_call ContainerStats | jq -r .stats.memory.working_set_bytes.value)" -gt 0 ]'
	check "$1: statistics of processor time" eval '[ "$(container_call ContainerStats | jq -r .stats.cpu.usage_core_nano_seconds.value)" -gt 0 ]'
	check "$1: below the pod's parent" shows "${PARENT#/}" cat "/proc/$(field '.info.info | fromjson | .pid')/cgroup"
	check "$1: update" container_call UpdateContainerResources '{linux: {memory_limit_in_bytes: 67108864, cpu_quota: 20000, cpu_period: 100000, cpu_shares: 512}}'
	check "$1: the update is in force" prints "67108864 20000 100000 $(weight 512)" in_container sh -c 'cd /sys/fs/cgroup && echo $(cat memory.max cpu.max cpu.weight)'
	check "$1: stop" container_call StopContainer '{timeout: 10}'
	check "$1: it has ended" container_is 2
	check "$1: with its own status" is 3 "$(field .status.exit_code)"
	check "$1: having handled the signal" grep -q 'stdout F got$' "$LOGS/c1-$1.log"
	check "$1: remove" container_call RemoveContainer

	now "$1: one that ignores TERM" container "c2-$1" . sh -c 'trap "" TERM; while :; do sleep 0.1; done'
	check "$1: is killed" container_call StopContainer '{timeout: 1}'
	check "$1: and says so" is 137 "$(field .status.exit_code)"
	check "$1: remove that" container_call RemoveContainer
	check "$1: limits" prints "67108864 50000 100000 $(weight 512) 0 0" with "l1-$1" '.linux.resources = {memory_limit_in_bytes: 67108864, memory_swap_limit_in_bytes: 67108864, cpu_quota: 50000, cpu_period: 100000, cpu_shares: 512, cpuset_cpus: "0"}' \
		sh -c 'cd /sys/fs/cgroup && echo $(cat memory.max cpu.max cpu.weight cpuset.cpus memory.swap.max)'
	check "$1: unified limits" prints "33554432 55" with "l2-$1" '.linux.resources.unified = {"memory.high": "33554432", "pids.max": "55"}' \
		sh -c 'cd /sys/fs/cgroup && echo $(cat memory.high pids.max)'
	check "$1: oom score" prints 500 with "l3-$1" '.linux.resources.oom_score_adj = 500' cat /proc/self/oom_score_adj
	now "$1: out of memory" container "o1-$1" '.linux.resources = {memory_limit_in_bytes: 16777216, memory_swap_limit_in_bytes: 16777216}' sh -c 'x=a; while :; do x=$x$x; done'
	check "$1: ends it" within 30 container_is 2
	check "$1: and is told" within 10 prints OOMKilled field .status.reason
	check "$1: user, groups, no new privileges" prints "1000 1000 1000 7 1" with "s1-$1" '.linux.security_context += {run_as_user: {value: 1000}, run_as_group: {value: 1000}, supplemental_groups: [7], no_new_privs: true}' \
		sh -c 'echo $(id -u) $(id -g) $(id -G) $(awk "/NoNewPrivs/ { print \$2 }" /proc/self/status)'
	check "$1: seccomp" prints 2 with "s2-$1" '.linux.security_context.seccomp.profile_type = 0' awk '/^Seccomp:/ { print $2 }' /proc/self/status
	check "$1: no capability" prints 0000000000000000 with "s3-$1" '.linux.security_context.capabilities.drop_capabilities = ["ALL"]' awk '/CapEff/ { print $2 }' /proc/self/status
	check "$1: a read-only root" prints ro with "s4-$1" '.linux.security_context.readonly_rootfs = true' sh -c 'touch /x 2>/dev/null || echo ro'
	check "$1: mount with propagation" prints data with "v1-$1" '.mounts = [{container_path: "/v", host_path: "'"$T/vol"'", readonly: true, propagation: 1}]' cat /v/f
	check "$1: a missing program is named" refuses nosuchprogram with "m1-$1" . nosuchprogram
	check "$1: stop the pod" pod_call StopPodSandbox
	check "$1: remove the pod" pod_call RemovePodSandbox

	now "$1: a pod in the host's network" pod "p2-$1" '.hostname = "" | .linux.security_context.namespace_options = {network: 2, pid: 0}'
	check "$1: has the host's network" prints "$(readlink /proc/self/ns/net)" with "n1-$1" '.linux.security_context.namespace_options = {network: 2, pid: 0}' readlink /proc/self/ns/net
	now "$1: one in the pod's pid namespace" container "n2-$1" '.linux.security_context.namespace_options = {network: 2, pid: 0}' sleep 1000
	check "$1: is not process 1" prints "" in_container sh -c 'ps | grep "^ *1 .*sleep 1000\$"; true'
	check "$1: removing the pod ends it" eval 'pod_call StopPodSandbox && pod_call RemovePodSandbox && ! container_is 1'

	now "$1: a privileged pod" pod "p3-$1" '.linux.security_context.privileged = true | .linux.sysctls = {"kernel.msgmax": "4096"}'
	check "$1: has the devices and can mount" prints "b m" with "q1-$1" '.linux.security_context.privileged = true' sh -c 'test -b /dev/vda && mount -t tmpfs x /mnt && echo b m'
	check "$1: has the sysctl" prints 4096 with "q2-$1" . cat /proc/sys/kernel/msgmax
	check "$1: that pod goes too" eval 'pod_call StopPodSandbox && pod_call RemovePodSandbox'
	check "$1: no pod is left" prints 0 eval '"$here/cri" ListPodSandbox | jq ".items | length"'
	check "$1: the runtime's states are gone" eval 'within 10 [ -z "$(ls /run/containerd/runc/k8s.io)" ]'
}

mkdir -p "$T/vol"
echo data >"$T/vol/f"
PARENT=/kubepods/pod1
check "containerd starts" configure false
check "import an image" eval '"$here/image" "$T/rootfs" $IMAGE "$T/image.tar" sleep 1000000 && ctr -n k8s.io image import "$T/image.tar"'
pods cgroupfs
PARENT=kubepods-pod1.slice
check "containerd starts again" configure true
pods systemd
systemctl stop containerd
done_testing
