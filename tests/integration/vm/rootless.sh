#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: vm
# rootless.sh - containers of a user: with subordinate ids or none, limits by what was delegated.
# shellcheck disable=SC2016,SC2119,SC2317
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/integration/vm/guest.sh
. "$(dirname "$0")/guest.sh"

WHO=user
U() { # COMMAND...: the runtime as the user
	as "$WHO" timeout -k 5 60 "$SKERRY" "$@"
}

# bundle FILTER: $B is the user's own, with the runtime's own configuration for users, changed
bundle() {
	B=$T/b-$WHO
	if [ ! -d "$B" ]; then
		mk . "$B"
		(cd "$B" && rm config.json) && chown -R "$WHO:" "$B" && chmod 755 "$B" &&
			as "$WHO" sh -c "cd '$B' && '$SKERRY' spec --rootless" && mv "$B/config.json" "$B/base.json"
	fi
	jq '.process.terminal = false | .root.readonly = false | '"$1" "$B/base.json" >"$B/config.json"
}

inside() { # FILTER [GLOBAL OPTION]...: run that bundle
	bundle "$1"
	shift
	U "$@" run -b "$B" r$$
}

many='.linux.uidMappings = [{containerID: 0, hostID: 1000, size: 1}, {containerID: 1, hostID: 100000, size: 65536}] | .linux.gidMappings = .linux.uidMappings'

life() { # NAME
	local name=$1
	bundle '.process.args = ["sh", "-c", "trap \"exit 3\" TERM; while :; do sleep 0.1; done"]'
	check "$name: create" U create -b "$B" l1
	check "$name: created" prints created eval 'U state l1 | jq -r .status'
	check "$name: start" U start l1
	check "$name: running" prints running eval 'U state l1 | jq -r .status'
	check "$name: list" prints l1 U list -q
	check "$name: exec" prints "0" U exec l1 id -u
	check "$name: exec's status" status 5 U exec l1 sh -c 'exit 5'
	check "$name: kill" U kill l1 TERM
	check "$name: stopped" within 60 eval '[ "$(U state l1 | jq -r .status)" = stopped ]'
	check "$name: delete" U delete l1
	check "$name: gone" fails U state l1
	check "$name: delete -f" eval 'U run -d -b "$B" l2 && U delete -f l2'
	check "$name: no process is left" eval '! pgrep -u '$WHO' -f "trap .exit 3"'
}

users() {
	local one
	check "$WHO: spec --rootless" eval 'bundle . && [ -s "$B/config.json" ]'
	check "$WHO: run prints" prints hello inside '.process.args = ["echo", "hello"]'
	check "$WHO: root inside" prints 0 inside '.process.args = ["id", "-u"]'
	one='.linux.uidMappings = [{containerID: 0, hostID: '"$(id -u $WHO)"', size: 1}] | .linux.gidMappings = .linux.uidMappings'
	check "$WHO: the user outside" prints "0 $(id -u $WHO) 1" inside '.process.args = ["sh", "-c", "echo $(cat /proc/self/uid_map)"] | '"$one"
	check "$WHO: setgroups is denied where only one id is mapped" prints deny inside '.process.args = ["cat", "/proc/self/setgroups"] | '"$one"
	check "$WHO: status 7" status 7 inside '.process.args = ["sh", "-c", "exit 7"]'
	check "$WHO: a missing program fails" fails inside '.process.args = ["nosuchprogram"]'
	check "$WHO: a read-only root" fails inside '.process.args = ["touch", "/x"] | .root.readonly = true'
	check "$WHO: a tmpfs" prints tmpfs inside '.process.args = ["stat", "-f", "-c", "%T", "/t"] | .mounts += [{destination: "/t", type: "tmpfs", source: "tmpfs"}]'
	check "$WHO: a bind mount" prints data inside '.process.args = ["cat", "/v/f"] | .mounts += [{destination: "/v", type: "bind", source: "'"$T/vol"'", options: ["rbind", "ro"]}]'
	check "$WHO: a read-only bind mount" fails inside '.process.args = ["touch", "/v/f"] | .mounts += [{destination: "/v", type: "bind", source: "'"$T/own-$WHO"'", options: ["rbind", "ro"]}]'
	check "$WHO: devices" prints ok inside '.process.args = ["sh", "-c", "echo x >/dev/null && head -c 1 /dev/zero >/dev/null && echo ok"]'
	check "$WHO: a network of its own" prints 1 inside '.process.args = ["sh", "-c", "ip -o link | wc -l"] | .linux.namespaces += [{type: "network"}] | .linux.namespaces |= unique_by(.type)'
	check "$WHO: a host name" prints hh inside '.process.args = ["hostname"] | .hostname = "hh"'
	life "$WHO"
	check "$WHO: state below the user's run directory" eval 'inside ".process.args = [\"true\"]" && [ ! -e /run/'"$KIND"'/r$$ ]'
}

mkdir -p "$T/vol" "$T/own-user" "$T/own-user2"
echo data >"$T/vol/f"
for WHO in user user2; do
	touch "$T/own-$WHO/f"
	chown -R $WHO: "$T/own-$WHO"
	users
done

WHO=user
check "user: another of the user's ids as root, whose group cannot be given to it" prints "0 100000 65536" inside '.process.args = ["sh", "-c", "echo $(cat /proc/self/uid_map)"] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] | .linux.gidMappings = .linux.uidMappings'
check "user: many ids" prints "0 1000 1 1 100000 65536" inside '.process.args = ["sh", "-c", "echo $(cat /proc/self/uid_map)"] | '"$many"
check "user: another user inside" prints "1000 1000" inside '.process.args = ["sh", "-c", "echo $(id -u) $(id -g)"] | .process.user = {uid: 1000, gid: 1000} | '"$many"
check "user: more groups" prints "0 7" inside '.process.args = ["id", "-G"] | .process.user = {uid: 0, gid: 0, additionalGids: [7]} | '"$many"
check "user: a file of another inside" prints "5:6" inside '.process.args = ["sh", "-c", "touch /f && chown 5:6 /f && stat -c %u:%g /f"] | .process.capabilities |= map_values(. + ["CAP_CHOWN"]) | '"$many"
rm -rf "$B/rootfs/f"
check "user: ids that are not the user's are refused" fails inside '.process.args = ["true"] | .linux.uidMappings = [{containerID: 0, hostID: 0, size: 1}]'
WHO=user2
check "user2: ids that are not the user's are refused" fails inside '.process.args = ["true"] | '"$many"
check "user2: is told why" refuses "newuidmap" inside '.process.args = ["true"] | '"$many"

for WHO in user user2; do
	limits='.linux.resources = {memory: {limit: 67108864}, pids: {limit: 50}, cpu: {quota: 50000, period: 100000}}'
	show='.process.args = ["sh", "-c", "cd /sys/fs/cgroup && echo $(cat memory.max pids.max cpu.max)"] | .linux.namespaces += [{type: "cgroup"}] | .linux.namespaces |= unique_by(.type)
		| .mounts |= map(select(.destination != "/sys/fs/cgroup")) + [{destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro", "nosuid", "noexec", "nodev"]}]'
	check "$WHO: the group is the container's own where it may write it" prints "1 made" inside '.process.args = ["sh", "-c", "cd /sys/fs/cgroup && mkdir in && echo 0 >in/cgroup.procs && echo +pids >cgroup.subtree_control && read n <in/pids.current && echo $n made"] | '"$limits"' | .linux.namespaces += [{type: "cgroup"}] | .linux.namespaces |= unique_by(.type)
		| .mounts |= map(select(.destination != "/sys/fs/cgroup")) + [{destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["rw"]}]' --systemd-cgroup
	check "$WHO: limits by the user's systemd" prints "67108864 50 50000 100000" inside "$limits | $show" --systemd-cgroup
	check "$WHO: in the user's slice" shows "user@$(id -u $WHO).service/" eval 'bundle ".process.args = [\"sleep\", \"1000\"] | del(.linux.cgroupsPath)" && U --systemd-cgroup run -d --pid-file "$T/own-$WHO/pid" -b "$B" s1 && cat "/proc/$(<"$T/own-$WHO/pid")/cgroup"'
	check "$WHO: it goes" U delete -f s1
	check "$WHO: no scope is left" eventually prints "" eval 'as $WHO systemctl --user list-units --all --plain --no-legend "$KIND-*"'
	check "$WHO: without resources, without a group" prints hello inside '.process.args = ["echo", "hello"] | del(.linux.resources)'
done

# A group that was delegated by hand: cgroups(7) "Cgroup delegation".
WHO=user
check "a delegated group" eval 'mkdir -p /sys/fs/cgroup/given && echo "+memory +pids" >/sys/fs/cgroup/cgroup.subtree_control && echo "+memory +pids" >/sys/fs/cgroup/given/cgroup.subtree_control &&
	mkdir /sys/fs/cgroup/given/shell && chown user: /sys/fs/cgroup/given /sys/fs/cgroup/given/{cgroup.procs,cgroup.subtree_control,cgroup.threads,shell,shell/cgroup.procs}'
bundle '.process.args = ["sleep", "1000"] | .linux.cgroupsPath = "/given/c1" | .linux.resources = {memory: {limit: 67108864}, pids: {limit: 50}}'
delegated() { # COMMAND...: as the user, from within the group, without a bus
	(
		echo "$BASHPID" >/sys/fs/cgroup/given/shell/cgroup.procs &&
			exec setpriv --reuid=1000 --regid=1000 --init-groups --reset-env env XDG_RUNTIME_DIR=/run/user/1000 "$@"
	)
}
check "run -d in it" delegated "$SKERRY" run -d -b "$B" g1
check "its memory is limited" holds /sys/fs/cgroup/given/c1/memory.max 67108864
check "its tasks are" holds /sys/fs/cgroup/given/c1/pids.max 50
check "exec in it" prints in delegated "$SKERRY" exec g1 echo in
check "pause and resume" eval 'delegated "$SKERRY" pause g1 && file_has "$(cgroup_of "$(delegated "$SKERRY" state g1 | jq .pid)")/cgroup.events" "frozen 1" && delegated "$SKERRY" resume g1'
check "update" eval 'delegated "$SKERRY" update --pids-limit 44 g1 && holds /sys/fs/cgroup/given/c1/pids.max 44'
check "delete -f" delegated "$SKERRY" delete -f g1
check "the group is gone" eval '[ ! -d /sys/fs/cgroup/given/c1 ]'
find /sys/fs/cgroup/given -depth -type d -exec rmdir {} + 2>/dev/null

done_testing
