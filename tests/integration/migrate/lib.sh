# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# lib.sh - two hosts, a and b, and a stand-in for criu: what the tests of migration without criu share
# shellcheck source=tests/integration/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
# shellcheck source=tests/integration/vm/hosts.sh
. "$(dirname "${BASH_SOURCE[0]}")/../vm/hosts.sh"

needs 'no python3' command -v python3

export SKERRY
STANDIN=$HERE/migrate/standin.py
hosts_make || {
	cat "$T"/host-*.out
	echo 'Bail out! no hosts'
	exit 1
}
trap hosts_end EXIT
printf '#!/bin/sh\necho Version: 3.17.1\n' >"$T/criu"
chmod 755 "$T/criu"
export SKERRY_CRIU=$T/criu

# start_with PROGRAM [FILTER]: container c1 on host a, and on no other; its program, for sh, makes /tmp/up
start_with() {
	on a "$SKERRY" --root "$ROOT/a" delete --force c1 >/dev/null 2>&1
	on b "$SKERRY" --root "$ROOT/b" delete --force c1 >/dev/null 2>&1
	mk "$(args sh -c "$1") ${2:+| $2}"
	on a "$SKERRY" --root "$ROOT/a" run -d -b "$B" c1 </dev/null >"$T/start.out" 2>&1 &&
		eventually test -e "$B/rootfs/tmp/up"
}
# move [OPTION...]: by the stand-in on both sides; what it says is in $T/move.out too
move() {
	on a timeout -k 5 120 "$STANDIN" --root "$ROOT/a" migrate --ssh "$T/ssh" \
		--remote "$STANDIN --root $ROOT/b" "$@" c1 b </dev/null >"$T/move.out" 2>&1
	local status=$?
	cat "$T/move.out"
	return $status
}
