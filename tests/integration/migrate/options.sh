#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# options.sh - volumes, places and limits of a migration
#
# With the stand-in for criu (standin.py).
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/integration/migrate/lib.sh
. "$(dirname "$0")/lib.sh"

# start_one [FILTER]
start_one() { start_with 'echo up >/tmp/up; while :; do echo x >>/tmp/grows; sleep 0.02; done' "$@"; }
bind() { echo ".mounts += [{\"destination\": \"/data\", \"type\": \"bind\", \"source\": \"$1\", \"options\": [\"rbind\"]}]"; }

# --- volumes: /var/lib/skerry is another one on each host ------------------------------------
VOLUME=/var/lib/skerry/volume
on a sh -c "mkdir -p $VOLUME/deep && echo one >$VOLUME/deep/file && ln -s deep/file $VOLUME/link"
check 'a container with a volume' start_one "$(bind $VOLUME)"
check 'moves' move
check 'it runs there' runs_on b c1
check 'its volume came along' prints one on b cat $VOLUME/link
check 'and is in it' prints one on b "$SKERRY" --root "$ROOT/b" exec c1 cat /data/deep/file
start_one "$(bind $VOLUME)"
check 'a volume that is there already is refused' refuses 'is there already (--shared=' move
check 'it runs on here' runs_on a c1
check '--shared leaves a volume where it is' eval 'on b sh -c "echo two >$VOLUME/deep/file" && move --shared $VOLUME && prints two on b cat $VOLUME/deep/file'
on b rm -rf $VOLUME
start_one "$(bind $VOLUME)"
check 'a shared one that is not there is told' refuses 'is not there' move --shared $VOLUME
export STANDIN_FAIL=restore
check 'a volume of a move that fails' fails move
unset STANDIN_FAIL
check 'is taken away again' fails on b ls $VOLUME
check 'and is where it was' on a test -e $VOLUME/deep/file

# --- a volume that is one file ---------------------------------------------------------------------
FILE=/var/lib/skerry/config/app.conf
on a sh -c "mkdir -p ${FILE%/*} && echo one >$FILE && chmod 640 $FILE && echo other >${FILE%/*}/other"
start_file() { start_with "echo up >/tmp/up; while :; do cat /etc/app.conf >/tmp/seen; sleep 0.05; done" ".mounts += [{\"destination\": \"/etc/app.conf\", \"type\": \"bind\", \"source\": \"$FILE\", \"options\": [\"bind\"]}]"; }
check 'a container with a file for a volume' start_file
check 'moves' move
check 'the file came along' prints one on b cat $FILE
check 'with its mode' prints 640 on b stat -c %a $FILE
check 'without the one beside it' fails on b ls ${FILE%/*}/other
check 'and is in it' prints one on b "$SKERRY" --root "$ROOT/b" exec c1 cat /etc/app.conf
start_file
check 'a file that is there already is refused' refuses 'is there already (--shared=' move
on b rm $FILE
export STANDIN_FAIL=restore
check 'a file of a move that fails' fails move
unset STANDIN_FAIL
check 'is taken away again' fails on b ls $FILE
on b mkdir $FILE
check 'a directory in its place is told' refuses 'is a directory there' move
on b rmdir $FILE
check 'what is neither is not sent' eval 'on a sh -c "rm $FILE && mkfifo $FILE"; refuses "neither a directory nor a plain file" move'

# --- places ---------------------------------------------------------------------------------------
start_one
check '--bundle says where' move --bundle /var/lib/skerry/there
check 'it is there' on b test -f /var/lib/skerry/there/config.json
on b "$SKERRY" --root "$ROOT/b" delete --force c1
check 'and is gone with the container' fails on b ls /var/lib/skerry/there
cat >"$T/remote" <<-REMOTE
	#!/bin/sh
	shift
	exec $STANDIN --root $ROOT/b migrate --bundles /var/lib/skerry/all "\$@"
REMOTE
chmod 755 "$T/remote"
start_one
check '--bundles says where all go' eval 'on a "$STANDIN" --root "$ROOT/a" migrate --ssh "$T/ssh" --remote "$T/remote" c1 b </dev/null 2>&1 &&
	on b test -f /var/lib/skerry/all/c1/config.json'

# --- limits and words --------------------------------------------------------------------------------
start_one
check '--quiet says nothing' prints '' move --quiet
start_one
check '--max-rounds ends them' eval 'move --max-rounds 1 --downtime 1ms && [ "$(grep -c ^round "$T/move.out")" = 1 ]'
start_one
check '--downtime wants a duration' refuses 'is no duration' move --downtime soon
check '--mode wants one of two' refuses 'is none of precopy, stop' move --mode never
check '--bwlimit wants a number' refuses 'is no number of bytes' move --bwlimit fast
check '--bwlimit holds' eval 'began=$(date +%s%N); move --bwlimit 1M && [ $((($(date +%s%N) - began) / 1000000)) -ge 1500 ]'
check 'a container that is not there' refuses 'does not exist' move
check 'one argument is too few' refuses 'requires exactly 2' on a "$STANDIN" --root "$ROOT/a" migrate c1
check 'nothing to resolve is told' refuses 'is unsettled' on a "$STANDIN" --root "$ROOT/a" migrate --resolve c1
start_one 'del(.linux.namespaces[] | select(.type == "pid"))'
check 'a container with ids of the host is refused' refuses 'process ids of its own' move
on a "$SKERRY" --root "$ROOT/a" delete --force c1
check 'an ordinary user is told that criu is for root' refuses 'for root only' on a setpriv --reuid=1000 --regid=1000 --clear-groups \
	"$STANDIN" --root "$ROOT/a" migrate --ssh "$T/ssh" --remote "$STANDIN --root $ROOT/b" c1 b
check 'no record is left' clean_on a
check 'on neither side' clean_on b
done_testing
