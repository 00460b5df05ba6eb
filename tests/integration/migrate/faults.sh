#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# faults.sh - a migration with either side killed, cut off or failing at each of its points
#
# With a stand-in for criu (standin.py), so that it runs on every kernel: containers are paused, made and
# deleted as criu would, and their real pages go through the real protocol.  vm/migrate.sh has criu.
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/integration/migrate/lib.sh
. "$(dirname "$0")/lib.sh"

# start_one: with some memory and a file that changes
start_one() {
	start_with 'x=$(head -c 2000000 /dev/zero | tr "\0" x); echo $$ >/tmp/up; n=0
		while :; do n=$((n + 1)); echo $n >/tmp/count; sleep 0.02; done'
}
# fast: a move whose sides soon miss each other
fast() { move --timeout 10; }
running() { runs_on "$1" c1 >/dev/null; }

# --- without a fault ----------------------------------------------------------------------
check 'a container runs' start_one
check 'it moves' move
check 'it runs there alone' only b
check 'rounds of memory were sent' grep -q '^round ' "$T/move.out"
check 'the time that it stood still is told' grep -q 'stood still for [0-9]* ms' "$T/move.out"
check 'no record is left' clean_on a
check 'on neither side' clean_on b
check 'its output has a place' on b test -f /var/lib/skerry/migrated/c1/log
check 'delete takes its bundle away' on b "$SKERRY" --root "$ROOT/b" delete --force c1
check 'all of it' no_bundle

start_one
check 'a dry run changes nothing' move --dry-run
check 'it runs where it was' only a
check 'nothing is left there' no_bundle
check '--mode=stop has no rounds' move --mode=stop
check 'and moves it' only b
check 'none' fails grep '^round ' "$T/move.out"

start_one
check '--json is JSON' eval 'move --json >/dev/null; jq -es ".[-1].phase == \"done\" and .[-1].downtime >= 0" "$T/move.out"'

start_one
check 'a limit that is too tight' status 75 move --max-downtime 1ms
check 'leaves it where it was' only a
check 'and says so' grep -q 'runs on here' "$T/move.out"
check 'an id that is taken' eval 'on b "$SKERRY" --root "$ROOT/b" create -b "$B" c1 </dev/null >/dev/null 2>&1; status 75 move'
check 'is told' grep -q 'is there already' "$T/move.out"
on b "$SKERRY" --root "$ROOT/b" delete --force c1
check 'a host that can not be reached' eval 'status 75 move --ssh "false"'
check 'leaves it running' only a

# --- failures on purpose ----------------------------------------------------------------------
for what in dump restore late; do
	start_one
	export STANDIN_FAIL=$what
	check "criu failing at $what" status 75 fast
	unset STANDIN_FAIL
	check "$what: it runs on here" only a
	check "$what: nothing is left there" no_bundle
	check "$what: and no record" eventually clean_on b
	start_one
	export STANDIN_KILL=$what
	check "the runtime killed at $what" fails fast
	unset STANDIN_KILL
	check "$what: one copy runs, here" eventually only a
done

# --- either program killed at each point --------------------------------------------------------
for point in files round pre-dump network-lock post-dump images ready; do
	start_one
	SKERRY_MIGRATE_FAULT=$point:kill fast >/dev/null
	check "the source killed at $point: it runs here alone" eventually only a
	check "$point: nothing is left there" eventually no_bundle
done
for point in t-restore t-ready; do
	start_one
	SKERRY_MIGRATE_FAULT=$point:kill fast >/dev/null
	check "the target killed at $point: it runs here alone" eventually only a
done
# COMMIT is on its way: the source asks again
for point in t-committed t-running; do
	start_one
	SKERRY_MIGRATE_FAULT=$point:kill fast >/dev/null
	status=$?
	if [ $point = t-running ]; then
		check "the target killed at $point: it runs there" only b
		check "$point: which the command says" is 0 $status
	else
		check "the target killed at $point: it runs here" only a
		check "$point: which the command says" is 75 $status
		check "$point: nothing is left there" eventually no_bundle
	fi
done
# the source dies when nobody knows: paused until someone asks
for point in committing committed running; do
	start_one
	SKERRY_MIGRATE_FAULT=$point:kill fast >/dev/null
	sleep 1
	check "the source killed at $point: no two copies run" eval '! { running a && running b; }'
	on a timeout 60 "$STANDIN" --root "$ROOT/a" migrate --ssh "$T/ssh" --remote "$STANDIN --root $ROOT/b" \
		--resolve c1 </dev/null >"$T/move.out" 2>&1
	if [ $point = committing ]; then
		check "$point: --resolve lets it go on here" eventually only a
	else
		check "$point: --resolve finds it there" eventually only b
	fi
	check "$point: no record is left" eventually clean_on a
done

# --- a link that says nothing any more -----------------------------------------------------------
start_one
SKERRY_MIGRATE_FAULT=t-restore:stop fast >/dev/null
check 'a target that says nothing: the command gives up' is 75 $?
check '  and it runs here' only a
on b sh -c 'for p in $(cat /sys/fs/cgroup/init/cgroup.procs); do [ "$(cat /proc/$p/comm)" = skerry-migrate ] && kill -KILL "$p"; done'
check 'a disk that is full there' eval 'on b mount -t tmpfs -o size=1m tmpfs /var/lib/skerry; status 75 fast'
check 'it runs here' only a
done_testing
