#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# spec.sh - spec: the configuration it writes and where.
. "$(dirname "$0")/lib.sh"

mkdir "$T/s" && cd "$T/s" || exit 1
umask 022
check 'spec prints nothing' prints '' "$SKERRY" spec
check 'it writes config.json, mode 0644 under umask 022' is 644 "$(stat -c %a config.json)"
check 'which is JSON' jq . config.json
check 'it never overwrites' refuses exist "$SKERRY" spec
rm config.json
(umask 077 && "$SKERRY" spec)
check 'the umask applies' is 600 "$(stat -c %a config.json)"
c=$T/s/config.json
check 'ociVersion 1.x' jq -e '.ociVersion | test("^1\\.[0-9]+\\.[0-9]+")' $c
check 'terminal' jq -e '.process.terminal == true' $c
check 'user 0:0' jq -e '.process.user == {uid: 0, gid: 0}' $c
check 'args' jq -e '.process.args == ["sh"]' $c
check 'env' jq -e '.process.env == ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"]' $c
check 'cwd' jq -e '.process.cwd == "/"' $c
for set in bounding effective permitted; do
	check "capabilities: $set" jq -e \
		".process.capabilities.$set | sort == [\"CAP_AUDIT_WRITE\", \"CAP_KILL\", \"CAP_NET_BIND_SERVICE\"]" $c
done
check 'capabilities: nothing inheritable' jq -e '.process.capabilities.inheritable // [] == []' $c
except 'crun runc' 'older than the change' check 'capabilities: nothing ambient' jq -e '.process.capabilities.ambient // [] == []' $c
check 'rlimits' jq -e '.process.rlimits == [{type: "RLIMIT_NOFILE", hard: 1024, soft: 1024}]' $c
check 'noNewPrivileges' jq -e '.process.noNewPrivileges == true' $c
check 'root is read-only rootfs' jq -e '.root == {path: "rootfs", readonly: true}' $c
check 'hostname' jq -e '.hostname | length > 0' $c
check 'mounts in order' jq -e '[.mounts[].destination] ==
	["/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/sys", "/sys/fs/cgroup"]' $c
check 'namespaces' jq -e '[.linux.namespaces[].type] | sort | . - ["cgroup"] == ["ipc", "mount", "network", "pid", "uts"]' $c
except crun 'left out' check 'a cgroup namespace on cgroup v2' jq -e '[.linux.namespaces[].type] | index("cgroup") != null' $c
check 'devices are denied' jq -e '.linux.resources.devices[0] == {allow: false, access: "rwm"}' $c
for path in /proc/acpi /proc/asound /proc/kcore /proc/keys /proc/latency_stats /proc/timer_list /proc/timer_stats \
	/proc/sched_debug /proc/scsi /sys/firmware; do
	check "masked: $path" jq -e --arg p $path '.linux.maskedPaths | index($p) != null' $c
done
check 'read-only paths' jq -e '.linux.readonlyPaths | sort ==
	["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]' $c
mkdir "$T/other"
check 'spec --bundle DIR' eval '"$SKERRY" spec --bundle "$T/other" && jq . "$T/other/config.json"'
rm "$T/other/config.json"
check 'spec -b DIR' eval '"$SKERRY" spec -b "$T/other" && jq . "$T/other/config.json"'
check 'spec in a missing folder is refused' fails "$SKERRY" spec -b "$T/none"
except runc 'no --file' check 'spec --file PATH' eval '"$SKERRY" spec --file "$T/x.json" && jq . "$T/x.json"'
rm config.json
check 'spec --rootless' "$SKERRY" spec --rootless
check 'rootless: user namespace, no network namespace' jq -e '[.linux.namespaces[].type] | index("user") != null and index("network") == null' $c
check 'rootless: one-entry maps' jq -e '.linux.uidMappings[0].size == 1 and .linux.uidMappings[0].containerID == 0 and
	.linux.uidMappings[0].hostID == 0 and (.linux.gidMappings | length) == 1' $c
check 'rootless: no resources' jq -e '.linux.resources == null' $c
check 'rootless: no gid=5' jq -e '[.mounts[].options // [] | .[]] | index("gid=5") == null' $c
check 'rootless: /sys is a recursive bind' jq -e '.mounts[] | select(.destination == "/sys") | .options | index("rbind") != null' $c
check 'spec with a word is refused' fails "$SKERRY" spec more words

# the configuration runs as it is, but for the terminal
mkdir -p "$T/run" && cd "$T/run" && cp -al "$T/rootfs" rootfs && "$SKERRY" spec || exit 1
jq --arg k "$KIND" '.process.terminal = false | .process.args = ["true"] | if $k == "crun" then del(.linux.resources) else . end' \
	config.json >c && mv c config.json
check 'the default configuration runs' R run c1
cd / || exit 1
clean_or_fail
done_testing
