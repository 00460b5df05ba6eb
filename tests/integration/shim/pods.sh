#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# pods.sh - pods as a kubelet makes them: our network plugins, what containers may, faults.
#
# Without control groups of CRI's own, so that a host whose controllers are on v1 does too; limits are in
# engines/cri-limits.sh.  The programs in single quotes are for the shell of a container.
# shellcheck disable=SC2016,SC2317
. "$(dirname "$0")/lib.sh"
needs "no containerd" command -v containerd ctr
needs "no gRPC for Python (python3-grpcio)" /usr/bin/python3 -c 'import grpc'
# shellcheck source=tests/integration/engines/cri-lib.sh
. "$HERE/engines/cri-lib.sh"

our_network
cri_config native "$T/cnibin" "disable_cgroup = true"

now "containerd starts with its CRI service" containerd_up
check "import an image" import_image

# --- the network -----------------------------------------------------------------------------------
now "a pod with a port of the host, servers of names and a sysctl" pod n1 '.port_mappings = [{protocol: 0, container_port: 80, host_port: 8088}] |
	.dns_config = {servers: ["10.9.8.7"], searches: ["lab.test"]} | .linux.sysctls = {"net.ipv4.ip_forward": "1"}'
first=$POD first_ip=$(pod_ip)
check "its address is of our plugin's range" matches "$first_ip" '^10\.199\.80\.'
now "a server in it" container s1 . sh -c 'mkdir -p /tmp/w && echo page >/tmp/w/index.html && exec httpd -f -p 80 -h /tmp/w'
server=$CONTAINER
check "the host reaches it" eventually prints page curl -sfm 30 "http://$first_ip/"
check "by the host's port" eventually prints page curl -sfm 30 http://10.199.80.1:8088/
check "its names are looked up where CRI said" shows "nameserver 10.9.8.7" in_container cat /etc/resolv.conf
check "its sysctl" prints 1 in_container cat /proc/sys/net/ipv4/ip_forward
check "its host name" prints n1 in_container hostname
now "another pod" pod n2
second=$POD
now "a container in it" container c2 . sleep 100000
check "reaches the first pod" shows page in_container sh -c 'printf "GET / HTTP/1.0\r\n\r\n" | nc -w 20 "$0" 80' "$first_ip"
check "and its gateway" eventually in_container ping -c 1 -W 2 10.199.80.1
check "has a loopback that is up" shows LOOPBACK,UP in_container ip link show lo
now "a pod in the host's network" pod n3 '.hostname = "" | .linux.security_context.namespace_options.network = 2'
now "a container there" container c3 '.linux.security_context.namespace_options.network = 2' sleep 100000
check "sees the bridge" shows cni-lab in_container ip link
check "that pod ends" end_pod

# --- what a container may -------------------------------------------------------------------------
POD=$second POD_JSON=$(jq -cn --arg logs "$LOGS" '{metadata: {name: "n2", uid: "n2", namespace: "test"}, log_directory: $logs}')
mkdir -p "$T/volume" && echo data >"$T/volume/f"
now "a user, a folder of the host, a read-only root, fewer capabilities" container u1 '.linux.security_context += {run_as_user: {value: 1000},
	run_as_group: {value: 1000}, readonly_rootfs: true, capabilities: {drop_capabilities: ["ALL"]}, no_new_privs: true, seccomp: {profile_type: 0}} |
	.mounts = [{container_path: "/v", host_path: "'"$T/volume"'", readonly: true}] | .envs = [{key: "K", value: "v"}] | .working_dir = "/tmp"' sleep 100000
check "the user" prints "1000:1000" in_container sh -c 'echo $(id -u):$(id -g)'
check "the folder" prints data in_container cat /v/f
check "cannot be written to" fails in_container touch /v/x
check "nor can the root" fails in_container touch /x
check "environment and working directory" prints "v /tmp" in_container sh -c 'echo $K $(pwd)'
check "no capabilities, no new privileges, a filter" prints "0000000000000000 1 2" in_container sh -c \
	'echo $(sed -n "s/CapEff:\s*//p; s/NoNewPrivs:\s*//p; s/^Seccomp:\s*//p" /proc/self/status | tr "\n" " ")'
now "a pod that may have privileges" pod p1 '.linux.security_context.privileged = true'
now "a container with all of them" container p2 '.linux.security_context.privileged = true' sleep 100000
check "has the capabilities that the host has" eval 'is "$(sed -n "s/CapBnd:\s*//p" /proc/self/status)" "$(in_container sed -n "s/CapEff:\s*//p" /proc/self/status)"'
check "and may mount" in_container sh -c 'mount -t tmpfs none /mnt && umount /mnt'
check "that one ends" end_pod

# --- faults -----------------------------------------------------------------------------------------
POD=$second
now "a container" container f1 . sleep 100000
check "its init is killed: the status tells" eval 'safe_kill KILL "$(pid)"; eventually container_is 2 && is 137 "$(field .status.exit_code)"'
check "it can be removed and made again" eval 'container_call RemoveContainer && container f1 . sleep 100000 && in_container true'
check "the pause process is killed: the pod is not ready" eval '
	safe_kill KILL "$(pod_call "PodSandboxStatus" >/dev/null; ctr -n k8s.io task ls | awk -v p="$POD" "\$1 == p { print \$2 }")"
	eventually eval "[ \"\$(pod_call PodSandboxStatus | jq .status.state)\" = 1 ]"'
check "it ends" end_pod
now "a pod whose shim is killed" pod k1
now "with a container" container k2 . sleep 100000
KILLED=$(pid)
export KILLED
check "the container ends with it" eval 'safe_kill KILL "$(shim_of_pod)"; eventually eval "! [ -e /proc/$KILLED ]"'
check "CRI knows" eventually container_is 2
check "and it can be removed" end_pod
now "a pod whose shim is killed while execs run" pod k3
now "with a container as well" container k4 . sleep 100000
check "they fail, the pod can be removed" eval '
	for i in 1 2 3 4; do in_container sleep 1234 & done >/dev/null 2>&1
	eventually eval "[ \$(pgrep -fc ^sleep.1234) = 4 ]"; safe_kill KILL "$(shim_of_pod)"; wait $(jobs -rp | grep -vx "$CONTAINERD"); end_pod'

POD=$first
CONTAINER=$server
check "the first pod has lived through all of this" eventually prints page curl -sfm 30 "http://$first_ip/"
check "it ends" end_pod
nothing_is_left
done_testing
