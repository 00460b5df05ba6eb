# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# lib.sh - what every integration test starts with: TAP, bundles, the inventory.
#
# A test is a bash script whose second line says where it runs
# (`# lane: native`, `# lane: vm` or `# lane: both`), that sources this file
# and ends with `done_testing`.  Started by hand it moves itself into its lane.
#
# Environment:
#   SKERRY       the runtime under test, default $BUILD/skerry.  crun and runc
#                work too; where they differ on purpose or by age, the check
#                says so with `except`.
#   BUILD        folder of build results, default <top>/build
#   SKERRY_LANE  set by whoever made the lane (tools/lane: native, the virtual
#                machine's driver: vm); unset means: make a native one
#   TEST_LIMIT   seconds for the script when it makes its own lane
#
# What a test finds here: $T a tmpfs for its files, $ROOT the state directory,
# $B the bundle made last (also the working directory), $KIND crun, runc or
# skerry.

set -u
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOP=$(cd "$HERE/../.." && pwd)
BUILD=${BUILD:-$TOP/build}
[[ $BUILD = /* ]] || BUILD=$TOP/$BUILD
SKERRY=${SKERRY:-$BUILD/skerry}
[[ $SKERRY = */* ]] || SKERRY=$(command -v "$SKERRY")
[[ $SKERRY = /* ]] || SKERRY=$PWD/$SKERRY
TOOLS=$BUILD/tests
export BUILD SKERRY TOOLS

tools_build() {
	local name
	mkdir -p "$TOOLS" || return 1
	for name in hp nth; do
		[ "$TOOLS/$name" -nt "$HERE/tools/$name.c" ] && continue
		${CC:-gcc} -O1 -Wall -Wextra -static -o "$TOOLS/$name.$$" "$HERE/tools/$name.c" &&
			mv "$TOOLS/$name.$$" "$TOOLS/$name" || return 1
	done
}

if [ -z "${SKERRY_LANE-}" ] && [ -z "${LIB_ONLY-}" ]; then
	tools_build || exit 1
	exec "$HERE/tools/lane" "${TEST_LIMIT:-300}" bash "$(cd "$(dirname "$0")" && pwd)/$(basename "$0")" "$@"
fi

T=${LANE_TMP:-}
if [ -z "${LIB_ONLY-}" ]; then
	if [ -z "$T" ]; then
		T=$(mktemp -d /tmp/skerry-test.XXXXXX)
		chmod 755 "$T"
		trap 'rm -rf --one-file-system "$T"' EXIT
	fi
	tools_build || exit 1
fi
ROOT=$T/state
B=$T/b
unset NOTIFY_SOCKET LISTEN_FDS LISTEN_PID XDG_RUNTIME_DIR

# --- TAP ---------------------------------------------------------------------

TAP_N=0
TAP_BAD=0

ok() {
	TAP_N=$((TAP_N + 1))
	echo "ok $TAP_N - $1"
}

# What crun and runc are known to do otherwise, kept apart from the tests:
# peer, script, check, reason.
peer_difference() {
	[ "$KIND" != skerry ] && awk -F'\t' -v kind="$KIND" -v script="$(basename "$0" .sh)" -v name="$1" \
		'$1 == kind && $2 == script && $3 == name { print $4; found = 1 } END { exit !found }' \
		"$HERE/../conformance/peers.tsv"
}

not_ok() {
	local reason
	if reason=$(peer_difference "$1"); then
		skip "$1" "$KIND: $reason"
		return
	fi
	TAP_N=$((TAP_N + 1))
	TAP_BAD=$((TAP_BAD + 1))
	echo "not ok $TAP_N - $1"
}

skip() {
	TAP_N=$((TAP_N + 1))
	echo "ok $TAP_N - $1 # SKIP $2"
}

diag() {
	sed 's/^/# /'
}

# check NAME COMMAND...: COMMAND succeeds.  Its output is shown when it doesn't.
check() {
	local name=$1
	shift
	if "$@" >"$T/check.out" 2>&1 </dev/null; then
		ok "$name"
	else
		not_ok "$name"
		{
			echo "command: $*"
			head -c 3000 "$T/check.out"
			echo
		} | diag
	fi
}

# except PEERS REASON check NAME COMMAND...: the named peers differ here.
except() {
	local peers=$1 reason=$2
	shift 2
	case " $peers " in
	*" $KIND "*) skip "$2" "$KIND: $reason" ;;
	*) "$@" ;;
	esac
}

# needs REASON COMMAND...: end the whole script with a reason unless COMMAND works.
needs() {
	local reason=$1
	shift
	"$@" >/dev/null 2>&1 && return
	echo "1..0 # SKIP $reason"
	exit 0
}

done_testing() {
	echo "1..$TAP_N"
	[ $TAP_BAD = 0 ]
	exit
}

# --- assertions: quiet when true, say both sides when not ---------------------

# is EXPECTED GOT
is() {
	[ "$1" = "$2" ] && return
	printf 'expected: %s\ngot:      %s\n' "$1" "$2"
	return 1
}

# isnt VALUE GOT
isnt() {
	[ "$1" != "$2" ] && return
	printf 'should not be: %s\n' "$1"
	return 1
}

# has TEXT PART: TEXT contains PART
has() {
	[[ $1 == *"$2"* ]] && return
	printf 'expected part: %s\nin:            %s\n' "$2" "$1"
	return 1
}

# lacks TEXT PART
lacks() {
	[[ $1 != *"$2"* ]] && return
	printf 'should not contain: %s\nin:                 %s\n' "$2" "$1"
	return 1
}

# matches TEXT REGEX
matches() {
	[[ $1 =~ $2 ]] && return
	printf 'expected to match: %s\ngot:               %s\n' "$2" "$1"
	return 1
}

# A container that lives on keeps its output open, so output goes through files:
# with pipes $(...) would wait for the container.
captured=
captured_err=
capture() {
	local status
	"$@" >"$T/capture.out" 2>"$T/capture.err"
	status=$?
	captured=$(tr -d '\0' <"$T/capture.out")
	captured_err=$(tr -d '\0' <"$T/capture.err")
	return $status
}

# said STATUS WHAT TEXT: the explanation of a failed assertion.
said() {
	printf 'status %s\n%s: %s\ngot:      %s\nstderr:   %s\n' "$1" "$2" "$3" "$captured" "$captured_err"
}

# prints TEXT COMMAND...: COMMAND succeeds and prints exactly TEXT.
prints() {
	local want=$1 status
	shift
	capture "$@"
	status=$?
	[ "$captured" = "$want" ] && [ $status = 0 ] && return
	said $status expected "$want"
	return 1
}

# shows PART COMMAND...: COMMAND succeeds and its output contains PART.
shows() {
	local want=$1 status
	shift
	capture "$@"
	status=$?
	[[ $captured$captured_err == *"$want"* ]] && [ $status = 0 ] && return
	said $status 'expected part' "$want"
	return 1
}

# hides PART COMMAND...: COMMAND succeeds and its output does not contain PART.
hides() {
	local bad=$1 status
	shift
	capture "$@"
	status=$?
	[[ $captured$captured_err != *"$bad"* ]] && [ $status = 0 ] && return
	said $status 'should not contain' "$bad"
	return 1
}

# status N COMMAND...: COMMAND ends with status N.
status() {
	local want=$1 got
	shift
	"$@"
	got=$?
	[ $got = "$want" ] && return
	echo "expected status $want, got $got"
	return 1
}

# fails COMMAND...: COMMAND fails by itself: no signal, no time-out.
fails() {
	local got
	"$@"
	got=$?
	failed $got && return
	echo "expected a failure, got status $got"
	return 1
}

# failed STATUS: is this the status of a command that failed by itself
failed() {
	[ "$1" != 0 ] && [ "$1" != 124 ] && { [ "$1" -lt 129 ] || [ "$1" = 255 ]; }
}

# refuses PART COMMAND...: COMMAND fails and says PART (case matters).
refuses() {
	local want=$1 status
	shift
	capture "$@"
	status=$?
	[[ $captured$captured_err == *"$want"* ]] && failed $status && return
	said $status 'expected part' "$want"
	return 1
}

# gone ID: no command knows this container.
gone() {
	[ ! -e "$ROOT/$1" ] && fails R state "$1"
}

# eventually COMMAND...: COMMAND succeeds within PATIENCE seconds (30): returns at once when it does,
# says why when it never did.  A machine that is loaded ten times over must not look like a bug.
eventually() {
	local end=$((SECONDS + ${PATIENCE:-30}))
	while [ $SECONDS -lt $end ]; do
		"$@" >/dev/null 2>&1 && return
		sleep 0.05
	done
	"$@"
}

# closing END TEXT: evaluates TEXT, then END whatever came of it; both have to succeed.
closing() {
	local outcome
	eval "$2"
	outcome=$?
	eval "$1" && return $outcome
}

# tries N COMMAND...: COMMAND, which measures, succeeds once in N times; what a loaded machine gave before
# that is only said.
tries() {
	local n=$1
	shift
	while [ "$n" -gt 1 ]; do
		"$@" && return
		n=$((n - 1))
	done
	"$@"
}

# --- the runtime under test -----------------------------------------------------

R() {
	timeout -k 5 "${TMO:-60}" "$SKERRY" --root "$ROOT" "$@"
}

# RD ID...: whatever happened, these containers are gone afterwards.
RD() {
	local id
	for id; do
		R delete --force "$id" >/dev/null 2>&1
	done
}

# status_of ID
status_of() {
	R state "$1" 2>/dev/null | jq -r .status
}

# pid_of ID
pid_of() {
	R state "$1" | jq -r .pid
}

# is_status STATUS ID
is_status() {
	is "$1" "$(status_of "$2")"
}

# up [FLAGS...] ID: the container of $B, created and started, its output in $T/ID.out.
up() {
	local id=${*: -1}
	R create "$@" </dev/null >"$T/$id.out" 2>&1 || {
		cat "$T/$id.out"
		return 1
	}
	R start "$id"
}

# safe_kill SIGNAL PID: kill(1) that refuses what is not one ordinary process.
safe_kill() {
	[[ $2 =~ ^[0-9]+$ ]] && [ "$2" -gt 1 ] || {
		echo "safe_kill: refusing pid \"$2\"" >&2
		return 1
	}
	kill -s "$1" -- "$2"
}

KIND=skerry
case $("$SKERRY" --version 2>/dev/null | head -n 1) in
crun*) KIND=crun ;;
runc*) KIND=runc ;;
esac

# --- bundles ------------------------------------------------------------------

# The root file system all bundles share by hard links: busybox and hp.
rootfs_template() {
	local r=$T/rootfs
	mkdir -p "$r"/{bin,proc,sys,dev,tmp,etc,root,mnt,var}
	chmod 1777 "$r/tmp"
	cp "$(command -v busybox)" "$r/bin/busybox"
	cp "$TOOLS/hp" "$r/bin/hp"
	busybox --list | grep -vx busybox | xargs "$r/bin/hp" links busybox "$r/bin"
	printf 'root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1::/nowhere:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n' \
		>"$r/etc/passwd"
	printf 'root:x:0:\nuser:x:1000:\n' >"$r/etc/group"
}

# The configuration all bundles start from: the runtime's own default, without
# terminal, with a writable root and the test's own network namespace.
config_template() {
	mkdir -p "$T/spec"
	(cd "$T/spec" && rm -f config.json && "$SKERRY" spec) || return 1
	jq '.process.terminal = false | .root.readonly = false | .root.path = "rootfs" |
		.linux.namespaces |= map(select(.type != "network"))' \
		"$T/spec/config.json" >"$T/base.json"
	# crun 1.8 wants to raise RLIMIT_MEMLOCK for the device program
	[ "$KIND" != crun ] || jq 'del(.linux.resources)' "$T/base.json" >"$T/base.new"
	[ "$KIND" != crun ] || mv "$T/base.new" "$T/base.json"
}

# mk FILTER [FOLDER]: a fresh bundle with the default configuration changed by a
# jq filter; becomes $B and the working directory.
mk() {
	B=${2:-$T/b}
	cd "$T" || exit 1
	rm -rf --one-file-system "$B"
	mkdir -p "$B" && cp -al "$T/rootfs" "$B/rootfs" && cd "$B" || exit 1
	# files a container may change must not be shared
	rm "$B/rootfs/etc/passwd" "$B/rootfs/etc/group"
	cp "$T/rootfs/etc/passwd" "$T/rootfs/etc/group" "$B/rootfs/etc/"
	# a filter that fails would leave a configuration that is refused for the wrong reason
	jq "${1:-.}" "$T/base.json" >"$B/config.json" || {
		echo "Bail out! mk: jq refuses the filter: ${1:0:200}"
		exit 1
	}
}

# conf FILTER: change the configuration of the present bundle.
conf() {
	jq "$1" "$B/config.json" >"$B/config.new" && mv "$B/config.new" "$B/config.json"
}

# args WORD...: jq filter that sets process.args
args() {
	jq -cn --args '$ARGS.positional' -- "$@" | sed 's/^/.process.args = /'
}

# out FILTER: the output of `run` of a fresh bundle; its status in $OUT_STATUS.
out() {
	mk "$1"
	R run "out$$" </dev/null
}

# --- the inventory --------------------------------------------------------------

# inv: what a runtime can leave behind, one thing a line.
inv() {
	local f pid state comm name stat
	find /sys/fs/cgroup -mindepth 1 -type d | sed 's/^/cgroup /'
	sed 's/^[0-9]* [0-9]* //; s/^/mount /' /proc/self/mountinfo
	for f in /proc/[0-9]*/stat; do
		stat=$(<"$f") || continue
		pid=${stat%% *}
		comm=${stat#*\(}
		comm=${comm%\)*}
		state=${stat##*\) }
		# the harness itself
		[ "/proc/$pid/ns/mnt" -ef /proc/self/ns/mnt ] && case $comm in
		bash | sh | sort | sed | find | timeout | head | grep | cat | tee) continue ;;
		esac
		[ "${state%% *}" = Z ] || [ "$pid" = $$ ] && continue
		# in the virtual machine other things run too
		[ "$SKERRY_LANE" = native ] || case $(readlink "/proc/$pid/exe") in
		*busybox* | */hp | *skerry* | *memfd*) ;;
		*) continue ;;
		esac
		echo "process $comm $pid"
	done 2>/dev/null
	for f in "$ROOT"/*; do
		[ -e "$f" ] && echo "state ${f##*/}"
	done
	while IFS=: read -r name stat; do
		[ -n "$stat" ] && echo "netdev ${name// /}"
	done < <(tail -n +3 /proc/net/dev)
	return 0
}

inv_save() {
	inv | sort >"$T/inv.before"
}

inv_same() {
	inv | sort >"$T/inv.after"
	cmp -s "$T/inv.before" "$T/inv.after"
}

# clean_or_fail [NAME]: the inventory is what it was at the start.
clean_or_fail() {
	eventually inv_same
	check "${1:-nothing is left behind}" diff "$T/inv.before" "$T/inv.after"
}

if [ -z "${LIB_ONLY-}" ]; then
	[ -x "$SKERRY" ] || {
		echo "Bail out! no runtime at $SKERRY"
		exit 1
	}
	rootfs_template
	config_template || {
		echo "Bail out! \"$SKERRY spec\" failed"
		exit 1
	}
	mkdir -p "$ROOT"
	inv_save
fi
