#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# sysctl.sh - linux.sysctl: only what belongs to a namespace of the container.
. "$(dirname "$0")/lib.sh"

net='.linux.namespaces += [{type: "network"}]'
ttl=$(cat /proc/sys/net/ipv4/ip_default_ttl)
mk "$(args cat /proc/sys/net/ipv4/ip_default_ttl) | $net | .linux.sysctl = {\"net.ipv4.ip_default_ttl\": \"99\"}"
check 'a net sysctl' prints 99 R run c1
check 'the host keeps its own' is "$ttl" "$(cat /proc/sys/net/ipv4/ip_default_ttl)"
mk "$(args cat /proc/sys/net/ipv4/conf/lo/forwarding) | $net | .linux.sysctl = {\"net.ipv4.conf.lo.forwarding\": \"1\"}"
check 'a net sysctl of a device' prints 1 R run c1
mk "$(args cat /proc/sys/net/ipv4/conf/lo/forwarding) | $net | .linux.sysctl = {\"net/ipv4/conf/lo/forwarding\": \"1\"}"
except runc 'dots only in 1.1' check 'slashes as separators' prints 1 R run c1
mk "$(args cat /proc/sys/kernel/shm_rmid_forced) | .linux.sysctl = {\"kernel.shm_rmid_forced\": \"1\"}"
check 'an ipc sysctl' prints 1 R run c1
mk "$(args cat /proc/sys/kernel/msgmax /proc/sys/kernel/sem) | .linux.sysctl = {\"kernel.msgmax\": \"9000\", \"kernel.sem\": \"250 32000 32 129\"}"
check 'several, with spaces in a value' eval 'o=$(R run c1) && has "$o" 9000 && has "$o" 129'
mk "$(args cat /proc/sys/fs/mqueue/msg_max) | .linux.sysctl = {\"fs.mqueue.msg_max\": \"11\"}"
check 'an mqueue sysctl' prints 11 R run c1
mk "$(args cat /proc/sys/kernel/domainname) | .linux.sysctl = {\"kernel.domainname\": \"dom\"}"
check 'kernel.domainname with a uts namespace' prints dom R run c1
mk "$(args cat /proc/sys/user/max_user_namespaces) | .linux.namespaces += [{type: \"user\"}, {type: \"network\"}] |
	.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] | .linux.gidMappings = .linux.uidMappings | .linux.sysctl = {\"user.max_user_namespaces\": \"5\"}"
except 'crun runc' 'refuses user.*' check 'user.* in a user namespace' prints 5 R run c1

core=$(cat /proc/sys/kernel/core_pattern)
while IFS='|' read -r key value; do
	mk "$(args true) | .linux.sysctl = {\"$key\": \"$value\"}"
	check "$key without its namespace is refused" fails R run c1
done <<'END'
kernel.core_pattern|x
kernel.panic|5
kernel.pid_max|40000
kernel.sysrq|0
vm.swappiness|11
vm.overcommit_memory|0
fs.file-max|100000
fs.protected_symlinks|1
net.ipv4.ip_forward|1
user.max_user_namespaces|100
nosuch.thing|1
END
mk "$(args true) | .linux.namespaces |= map(select(.type != \"ipc\")) | .linux.sysctl = {\"kernel.shmmax\": \"1000000\"}"
check 'an ipc sysctl without an ipc namespace is refused' fails R run c1
for key in 'net/../kernel/core_pattern' 'net.ipv4.../../kernel/x' '../kernel/core_pattern' '/proc/sys/kernel/core_pattern' '' 'net.' 'net.ipv4.nosuch' "net.ipv4.ip_default_ttl\\u0000x"; do
	mk "$(args true) | $net | .linux.sysctl = {\"$key\": \"1\"}"
	check "the key \"$key\" is refused" fails R run c1
done
for value in '1\n+kernel.core_pattern=|x' 'x' '99999999999999999999'; do
	mk "$(args true) | .linux.sysctl = {\"kernel.shm_rmid_forced\": \"$value\"}"
	except 'crun runc' 'writes it as it is' check "the value \"$value\" is refused" fails R run c1
done
check 'core_pattern of the host is untouched' is "$core" "$(cat /proc/sys/kernel/core_pattern)"
mk "$(args true) | .linux.sysctl = {\"kernel.hostname\": \"x\"} | del(.hostname)"
check 'kernel.hostname is refused or belongs to the container' eval 'R run c1; isnt x "$(hostname)"'
clean_or_fail
done_testing
