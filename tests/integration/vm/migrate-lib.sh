# shellcheck shell=bash disable=SC2016
# SPDX-License-Identifier: Apache-2.0
# migrate-lib.sh - two hosts (or those in $HOSTS) with criu: what the tests of migration with it share
#
# To be sourced first.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
# shellcheck source=tests/integration/vm/hosts.sh
. "$(dirname "${BASH_SOURCE[0]}")/hosts.sh"

needs 'no criu' command -v criu

: "${TMO:=120}"
# shellcheck disable=SC2086
hosts_make ${HOSTS:-a b} || {
	cat "$T"/host-*.out
	echo 'Bail out! no hosts'
	exit 1
}
trap hosts_end EXIT
rootfs_template
config_template

# detached_on NAME WORD...: skerry there, with nothing of ours as its output
detached_on() {
	local host=$1
	shift
	on "$host" "$SKERRY" --root "$ROOT/$host" "$@" </dev/null >"$T/detached.out" 2>&1 ||
		{ cat "$T/detached.out"; return 1; }
}
# started FILE ARGUMENT...: c1 on host a, of these arguments; it has made FILE of its root
started() {
	local file=$1
	shift
	mk "$(args "$@")" && detached_on a run -d -b "$B" c1 && eventually test -s "$B/rootfs/$file"
}
# moved FROM TO ID [OPTION...]: what it says is in $T/moved.out too; of a failure with criu's words
moved() {
	migrate "$@" >"$T/moved.out" 2>&1
	local status=$?
	cat "$T/moved.out"
	[ $status = 0 ] || grep -h Error "$ROOT"/*/.migrate/*/images/*.log 2>/dev/null | tail -n 20
	return $status
}
# of_done KEY: of the last line of a move with --json
of_done() { jq -r "select(.phase == \"done\") | .$1" "$T/moved.out"; }
# resolved NAME TO: c1's move from there is settled
resolved() {
	on "$1" timeout 60 "$SKERRY" --root "$ROOT/$1" migrate --ssh "$T/ssh" --remote "$SKERRY --root $ROOT/$2" --resolve c1
}

# COUNTER: c1's program, which counts in /tmp/count
# shellcheck disable=SC2034
COUNTER='n=0; while :; do n=$((n + 1)); echo $n >/tmp/count.new; mv /tmp/count.new /tmp/count; sleep 0.05; done'
# counted NAME: what it has got to; counts_on NAME: it goes on
counted() { on "$1" cat "/proc/$(pid_on "$1" c1)/root/tmp/count"; }
counts_on() {
	local before
	before=$(counted "$1")
	eventually eval '[ "$(counted '"$1"')" -gt '"${before:-0}"' ]'
}
# only HOST: it runs there, counts, and is nowhere else
only() {
	local other=a
	[ "$1" = a ] && other=b
	runs_on "$1" c1 && [ ! -e "$ROOT/$other/c1/state.json" ] && counts_on "$1"
}

# said_on NAME: what `hp memory` says of its memory: "COUNTER WRONG"
said_on() { on "$1" cat "/proc/$(pid_on "$1" c1)/root/tmp/memory"; }
# whole_on NAME: its memory was looked through again, and all of it is as it was
whole_on() {
	local before
	before=$(said_on "$1" | cut -d' ' -f1)
	eventually eval '[ "$(said_on '"$1"' | cut -d" " -f1)" != "'"$before"'" ]' &&
		is 0 "$(said_on "$1" | cut -d' ' -f2)"
}

# patiently COMMAND...: within a minute
patiently() {
	local _
	for _ in $(seq 60); do
		"$@" >/dev/null 2>&1 && return
		sleep 1
	done
	"$@"
}
