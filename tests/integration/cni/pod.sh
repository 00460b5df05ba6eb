#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# pod.sh - containers that share one network namespace: --pod, --net container:ID.
. "$(dirname "$0")/lib.sh"

mk "$(args sleep 100) | .hostname = \"podname\"" "$T/pod"
R run -d --net default -p 8080:80 pod </dev/null >/dev/null 2>&1
check 'the first container of the pod runs' is_status running pod
pid=$(pid_of pod)

mk "$(args sh -c 'readlink /proc/self/ns/net; readlink /proc/self/ns/ipc; readlink /proc/self/ns/uts')"
want=$(for ns in net ipc uts; do readlink "/proc/$pid/ns/$ns"; done)
check '--pod: network, IPC and host name are the pod'\''s' prints "$want" R run --pod pod c1
mk "$(args sh -c 'readlink /proc/self/ns/pid; readlink /proc/self/ns/mnt')"
own=$(for ns in pid mnt; do readlink "/proc/$pid/ns/$ns"; done)
R run --pod pod c1 >"$T/own" 2>&1 </dev/null
check 'processes and mounts are its own' isnt "$own" "$(cat "$T/own")"
mk "$(args sh -c 'hostname; cat /etc/hostname') | .hostname = \"other\""
check 'a host name of its own is not set in the pod' prints 'podname
podname' R run --pod pod c1
check 'and the pod keeps it' prints podname R exec pod hostname
mk "$(args cat /etc/hosts)"
check '/etc/hosts is the pod'\''s' shows podname R run --pod pod c1

mk "$(args httpd -f -p 80 -h /tmp)" "$T/web"
echo served >"$B/rootfs/tmp/index.html"
R run -d --pod pod web </dev/null >/dev/null 2>&1
mk "$(args sh -c "$(page 127.0.0.1 80)")"
eventually grep -q 0050 "/proc/$pid/net/tcp" "/proc/$pid/net/tcp6"
check 'one member serves another on the loopback' prints served R run --pod pod c2
address=$(leases default)
check 'the pod has one address' is 1 "$(wc -w <<<"$address")"
check 'where it is reached from outside' serves served "$address" 80
check 'the pod'\''s published port leads to any member' eval \
	'serves served "$(ip -4 -o addr show skerry0 | awk "{sub(\"/.*\",\"\",\$4);print \$4}")" 8080'
check 'deleting a member leaves the pod'\''s network' eval \
	'R delete -f web && eventually nsenter -t "$pid" -n busybox ping -q -c1 -W2 10.131.0.1'
mk "$(args true)"
RD c1
check 'a member has no address to give back' is "$address" "$(leases default)"

mk "$(args readlink /proc/self/ns/net)"
check '--net container:ID shares the network' prints "$(readlink "/proc/$pid/ns/net")" R run --net container:pod c1
mk "$(args readlink /proc/self/ns/ipc)"
check 'and nothing else' hides "$(readlink "/proc/$pid/ns/ipc")" R run --net container:pod c1
mk "$(args true) | .linux.namespaces += [{type:\"user\"}] |
	.linux.uidMappings = [{containerID:0,hostID:100000,size:65536}] |
	.linux.gidMappings = [{containerID:0,hostID:100000,size:65536}]"
chown -R 100000:100000 "$B/rootfs"
check 'a member with a user namespace of its own' R run --net container:pod c1
mk "$(args true)"
check '--pod of a container that is not there' refuses 'does not exist' R run --pod nobody c1
check '--pod together with --net' refuses 'goes without' R run --pod pod --net default c1
check '--pod with a port of its own' refuses 'goes without' R run --pod pod -p 1:1 c1
R kill pod KILL
eventually is_status stopped pod
check '--pod of a container that has ended' fails R run --pod pod c1
R delete pod
check 'nothing is left' nothing_left default
net_end
done_testing
