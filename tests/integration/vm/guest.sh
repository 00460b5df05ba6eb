# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# guest.sh - what tests that need the virtual machine share: commands as a user, cgroup files, time-outs.
#
# To be sourced after lib.sh.  "user" has subordinate ids and a service manager that all controllers are
# delegated to; "user2" has the manager and no subordinate ids.

# user_env USER ID COMMAND...: as the user, with what a login sets
user_env() {
	local name=$1 id=$2
	shift 2
	setpriv --reuid="$id" --regid="$id" --init-groups --reset-env \
		env -C "/home/$name" "XDG_RUNTIME_DIR=/run/user/$id" "DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/$id/bus" \
		"SKERRY=$SKERRY" LANG=C.UTF-8 PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin "$@"
}

# as USER COMMAND...: in a scope of the user's own service manager, as after a login.  One scope for all
# commands: to make one takes longer than most of them.
as() {
	local name=$1 id at
	id=$(id -u "$name") || return
	shift
	at=/sys/fs/cgroup/user.slice/user-$id.slice/user@$id.service/app.slice/login.scope
	if [ ! -d "$at" ]; then
		user_env "$name" "$id" systemd-run --user --scope --quiet --collect --unit=login -p Delegate=yes \
			-- sleep infinity </dev/null >/dev/null 2>&1 &
		eventually test -e "$at/cgroup.procs"
	fi
	(
		echo "$BASHPID" >"$at/cgroup.procs" && user_env "$name" "$id" "$@"
	)
}

# within SECONDS COMMAND...: COMMAND succeeds within that time.
within() {
	PATIENCE=$1 eventually "${@:2}"
}

# cgroup_of PID: the directory of its group.
cgroup_of() {
	local line
	line=$(grep '^0::' "/proc/$1/cgroup") || return
	echo "/sys/fs/cgroup${line#0::}"
}

# holds FILE TEXT: the file has exactly TEXT in it, blanks at the end aside.
holds() {
	local got
	got=$(<"$1") || return
	is "$2" "${got%"${got##*[![:space:]]}"}"
}

# file_has FILE TEXT: one line of FILE is TEXT.
file_has() {
	grep -qxF -- "$2" "$1" && return
	printf 'expected line: %s\nin %s:\n' "$2" "$1"
	cat "$1"
	return 1
}

# status_in "N N..." COMMAND...: COMMAND ends with one of these.
status_in() {
	local want=$1 got
	shift
	"$@"
	got=$?
	[[ " $want " == *" $got "* ]] && return
	echo "expected one of $want, got $got"
	return 1
}

# weight SHARES: what cpu.weight becomes for 512 or 1024 shares.  The mapping was linear in crun before
# 1.23 and in runc before 1.3.2, among them those of the guest.
weight() {
	case $KIND:$1 in
	skerry:512) echo 59 ;;
	skerry:1024) echo 100 ;;
	*:512) echo 20 ;;
	*:1024) echo 39 ;;
	esac
}

# group ID: the directory that has the limits of a container: its scope, if it is in one.
group() {
	local at
	at=$(cgroup_of "$(pid_of "$1")") || return
	case $at in
	*.scope/*) at=${at%%.scope/*}.scope ;;
	esac
	echo "$at"
}

# limits_at ID: the directory that has them.  Older versions of crun limit the group below the scope.
limits_at() {
	case $KIND in
	crun) cgroup_of "$(pid_of "$1")" ;;
	*) group "$1" ;;
	esac
}
