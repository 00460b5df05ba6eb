# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# hosts.sh - two hosts in one machine: mounts, network, control groups and /run of their own
#
# To be sourced after lib.sh.  They are joined by a pair of cables, 10.99.0.1 and 10.99.0.2; files below
# $T are seen by both, /run and /var/lib/skerry are private.
GROUPS_AT=/sys/fs/cgroup
declare -A HOST_PID

# host_make NAME
host_make() {
	local name=$1 group=$GROUPS_AT/host-$1
	mkdir -p "$group" || return
	(
		echo "$BASHPID" >"$group/cgroup.procs" || exit 1
		exec unshare --mount --net --cgroup --propagation private bash -c '
			mount -t sysfs sysfs /sys && mount -t cgroup2 cgroup2 /sys/fs/cgroup &&
				mkdir /sys/fs/cgroup/init || exit 1
			echo $$ >/sys/fs/cgroup/init/cgroup.procs || exit 1
			for c in $(cat /sys/fs/cgroup/cgroup.controllers); do
				echo "+$c" >/sys/fs/cgroup/cgroup.subtree_control
			done 2>/dev/null
			mount -t tmpfs tmpfs /run && mkdir -p /var/lib/skerry &&
				mount -t tmpfs tmpfs /var/lib/skerry || exit 1
			ip link set lo up
			: >"$0"
			exec sleep infinity' "$T/host-$name.ready"
	) </dev/null >"$T/host-$name.out" 2>&1 &
	HOST_PID[$name]=$!
	eventually test -e "$T/host-$name.ready"
}

# on NAME COMMAND...: there.
on() {
	local name=$1
	shift
	(
		echo "$BASHPID" >"$GROUPS_AT/host-$name/init/cgroup.procs" &&
			exec nsenter --target "${HOST_PID[$name]}" --mount --net --cgroup --wdns="$PWD" -- "$@"
	)
}

# RA COMMAND..., RB COMMAND...: skerry there.
RA() { on a timeout -k 5 "${TMO:-60}" "$SKERRY" --root "$ROOT/a" "$@"; }
RB() { on b timeout -k 5 "${TMO:-60}" "$SKERRY" --root "$ROOT/b" "$@"; }

# What --ssh gets: NAME COMMAND.  It goes outside first, from where both hosts can be seen.
ssh_make() {
	{
		echo '#!/bin/bash'
		declare -p GROUPS_AT HOST_PID
		declare -f on
		# shellcheck disable=SC2016
		echo 'on "$1" sh -c "$2"'
	} >"$T/outside"
	cat >"$T/ssh" <<-SSH
		#!/bin/bash
		name=\$1
		shift
		exec nsenter --target $$ --mount --net --cgroup -- $T/outside "\$name" "\$*"
	SSH
	chmod 755 "$T/ssh" "$T/outside"
}

hosts_make() {
	host_make a && host_make b || return
	ip link add cable-a netns "${HOST_PID[a]}" type veth peer name cable-b netns "${HOST_PID[b]}"
	on a sh -c 'ip addr add 10.99.0.1/24 dev cable-a && ip link set cable-a up'
	on b sh -c 'ip addr add 10.99.0.2/24 dev cable-b && ip link set cable-b up'
	mkdir -p "$ROOT/a" "$ROOT/b"
	ssh_make
}

hosts_end() {
	local name pid
	for name in "${!HOST_PID[@]}"; do
		pid=${HOST_PID[$name]}
		echo 1 >"$GROUPS_AT/host-$name/cgroup.kill"
		wait "$pid" 2>/dev/null
	done
}

# migrate FROM TO ID [OPTION...]
migrate() {
	local from=$1 to=$2 id=$3
	shift 3
	on "$from" timeout -k 5 "${TMO:-120}" "$SKERRY" --root "$ROOT/$from" migrate --ssh "$T/ssh" \
		--remote "$SKERRY --root $ROOT/$to" "$@" "$id" "$to" </dev/null
}

# runs_on NAME ID, gone_on NAME ID
runs_on() {
	is running "$(on "$1" "$SKERRY" --root "$ROOT/$1" state "$2" 2>/dev/null | jq -r .status)"
}
gone_on() {
	[ ! -e "$ROOT/$1/$2" ] && fails on "$1" "$SKERRY" --root "$ROOT/$1" state "$2"
}
pid_on() {
	on "$1" "$SKERRY" --root "$ROOT/$1" state "$2" | jq -r .pid
}
# nothing of a migration is left on NAME
clean_on() {
	local left
	left=$(ls -A "$ROOT/$1/.migrate" 2>/dev/null)
	is '' "$left"
}
