# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# hosts.sh - two hosts in one machine: mounts, network, control groups and /run of their own
#
# To be sourced after lib.sh.  They are on one switch, 10.99.0.1 and so on; files below $T are seen by all;
# /run, /etc/cni, /var/lib/cni and /var/lib/skerry are private.
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
			mkdir -p /var/lib/skerry /etc/cni /var/lib/cni
			for at in /run /var/lib/skerry /etc/cni /var/lib/cni; do
				mount -t tmpfs tmpfs $at || exit 1
			done
			mkdir /etc/cni/net.d /run/netns
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

# hosts_make [NAME...]: those, "a" and "b" unless given, on one switch
hosts_make() {
	local name n=0
	[ $# -gt 0 ] || set -- a b
	ip link add switch type bridge && ip link set switch up || return
	for name; do
		n=$((n + 1))
		host_make "$name" || return
		ip link add "port-$name" type veth peer name up0 netns "${HOST_PID[$name]}" &&
			ip link set "port-$name" master switch up &&
			on "$name" ip addr add 10.99.0.$n/24 dev up0 && on "$name" ip link set up0 up || return
		mkdir -p "$ROOT/$name"
	done
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

# red_make NAME...: network "red" on these hosts, one VXLAN; each gives addresses of its own
red_make() {
	local h k n=0 peers
	for h; do
		n=$((n + 1))
		peers=
		for k in $(seq $#); do
			[ "$k" = $n ] || peers+=${peers:+,}\"10.99.0.$k\"
		done
		on "$h" sh -c 'cat >/etc/cni/net.d/red.conflist' <<-LIST
			{"cniVersion":"1.1.0","name":"red","plugins":[
			{"type":"bridge","bridge":"red0","ipam":{"type":"host-local",
				"ranges":[[{"subnet":"10.7.0.0/24","rangeStart":"10.7.0.${n}0"}]]}},
			{"type":"vxlan","id":100,"dev":"up0","local":"10.99.0.$n","peers":[$peers]}]}
		LIST
	done
}
# address_on NAME: c1's there
address_on() {
	on "$1" nsenter -t "$(pid_on "$1" c1)" -n ip -o -4 addr show eth0 | sed 's|.* inet \([0-9.]*\)/.*|\1|'
}
