#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: vm
# migrate-large-faults.sh - criu's part killed before all of the memory of a container is put in
#
# shellcheck disable=SC2016,SC2317
TMO=200
# shellcheck source=tests/integration/vm/migrate-lib.sh
. "$(dirname "$0")/migrate-lib.sh"

keepers() { pgrep -f 'criu lazy-pages'; }
# skerry on the target; it takes its time to delete, so that what goes wrong before can be seen
cat >"$T/slow" <<-SLOW
	#!/bin/bash
	words=()
	for word; do
		words+=("\$word")
		[ "\$word" = migrate ] && words+=(--runtime "$T/slow")
		[ "\$word" = delete ] && sleep 5
	done
	exec "$SKERRY" "\${words[@]}"
SLOW
chmod 755 "$T/slow"

check 'a container of 80 MiB runs' started tmp/memory hp memory 80
# struck POINT SIGNAL: c1 goes from a to b, which waits at that point, and criu's part there gets the signal
struck() {
	SKERRY_MIGRATE_FAULT=$1:6s migrate a b c1 --timeout 60 --remote "$T/slow --root $ROOT/b" >"$T/move.out" 2>&1 &
	local mover=$!
	local pid='' _
	# at once, when it has what the process asks for its pages with: it would soon have put in all
	for _ in $(seq 2000); do
		pid=$(keepers | head -n 1)
		[ -n "$pid" ] && readlink "/proc/$pid/fd/"* 2>/dev/null | grep -q userfaultfd && break
		sleep 0.01
	done
	kill "-$2" "$pid"
	wait $mover
	local status=$?
	grep -v '^files\|^round' "$T/move.out" | diag
	return $status
}
check 'criu killed before the commit: it fails' eval '! struck t-ready KILL'
check 'and goes on where it was' patiently whole_on a
check 'with nothing left over there' patiently eval '! keepers'
check 'criu stopped behind the commit: it moves' struck t-committed STOP
check 'it is there' runs_on b c1
pid=$(pid_on b c1)
pkill -KILL -f 'criu lazy-pages'
sleep 2
check 'criu killed then: its process waits, and reads no zeros' readlink "/proc/$pid/exe"
check 'until it is ended' patiently gone_on b c1
check 'no process is left' patiently eval '! keepers'
check 'no record is left here' clean_on a
done_testing
