#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# image.sh - a container of an image goes as what it changed, and layers that the target lacks
#
# With the stand-in for criu (standin.py).
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/integration/migrate/lib.sh
. "$(dirname "$0")/lib.sh"

# An image of two layers; the store of each host is its own.
STORE=/var/lib/skerry/images
img() { on "$1" "$SKERRY" "${@:2}"; }
mkdir -p "$T/one" && cp -a "$T/rootfs/." "$T/one"
mkdir -p "$T/one/kept/deep" "$T/one/gone" "$T/one/anew/old"
echo below >"$T/one/kept/deep/file"
echo below >"$T/one/gone/file"
echo below >"$T/one/anew/old/file"
echo below >"$T/one/changed"
head -c 3000000 /dev/urandom >"$T/one/big"
tar -C "$T/one" -cf "$T/one.tar" . || exit 1
if ! img a import "$T/one.tar" base >"$T/import.out" 2>&1; then
	skip 'a container of an image' "no image can be made here: $(head -n 1 "$T/import.out")"
	done_testing
	exit
fi
img a run -d --image base --net none c0 sh -c 'echo second >/second' >"$T/c0.out" 2>&1
eventually eval '! img a state c0 2>/dev/null | grep -q running' >/dev/null
check 'an image of two layers' img a commit c0 two
img a delete --force c0 >/dev/null 2>&1

# start_image IMAGE: c1 of it, which changes what is below in every way
start_image() {
	for h in a b; do on $h "$SKERRY" --root "$ROOT/$h" delete --force c1 >/dev/null 2>&1; done
	on a "$SKERRY" --root "$ROOT/a" run -d --image "$1" --net none c1 sh -c '
		rm -r /gone; rm -r /anew; mkdir -p /anew/inner; echo mine >/anew/inner/new
		echo mine >/changed; mkdir /mine; ln /changed /mine/link; ln -s ../changed /mine/soft
		chmod 700 /kept; echo mine >/kept/deep/more; n=0
		echo said; echo up >/up
		while :; do n=$((n + 1)); echo $n >/mine/count
			# what is there in one pass and not in the other
			if [ $((n % 2)) = 0 ]; then rm -rf /flips /kept/deep/file; else mkdir -p /flips/x; echo $n >/flips/x/y; echo again >/kept/deep/file; fi
			sleep 0.05; done' </dev/null >"$T/image.out" 2>&1 &&
		eventually on a "$SKERRY" --root "$ROOT/a" exec c1 test -e /up
}
# inside HOST: what the container sees, but for what goes on changing
inside() {
	on "$1" "$SKERRY" --root "$ROOT/$1" exec c1 sh -c 'cd / && find . -xdev | grep -v "^./\(proc\|sys\|dev\|etc/host\|etc/resolv\|flips\|kept/deep/file\)" | sort | while read -r f; do
		[ -f "$f" ] && [ "$f" != ./mine/count ] && md5sum "$f" || echo "$f"; done; stat -c "%n %a %h" /kept /changed; cat /mine/soft'
}
has_layers() { [ "$(on b find "$STORE/layers" -mindepth 1 -maxdepth 1 2>/dev/null | wc -l)" = "$1" ]; }

check 'a container of the first layer' start_image base
check 'a dry run' move --dry-run
check 'brings nothing' has_layers 0
inside a >"$T/before"
check 'it moves' move
check 'with the one layer' grep -q '^layers *1 of 1' "$T/move.out"
check 'it runs there' runs_on b c1
inside b >"$T/after"
check 'its files are what they were' diff "$T/before" "$T/after"
check 'its log went along, and it writes on' eventually eval '[ "$(on b "$SKERRY" --root "$ROOT/b" logs c1 | grep -c said)" = 2 ]'
check 'of that layer and what it changed' on b grep -q "$STORE/containers/c1" /proc/self/mountinfo
check 'nothing of the layer went twice' fails on b ls $STORE/containers/c1/upper/big
check 'the store there is whole' img b image fsck
check 'it has the image by its name' shows base img b images
check 'which can be used' on b timeout 60 "$SKERRY" --root "$ROOT/b" run --rm --image base --net none --pull never c2 test -s /big
check 'the source has let go of its root' fails on a grep -q "$STORE/containers/c1" /proc/self/mountinfo
check 'it goes back' eval 'on b timeout 120 "$STANDIN" --root "$ROOT/b" migrate --ssh "$T/ssh" --remote "$STANDIN --root $ROOT/a" c1 a </dev/null >"$T/back.out" 2>&1 || { cat "$T/back.out"; false; }'
check 'without any layer' grep -q '^layers *0 of 1' "$T/back.out"
inside a >"$T/after"
check 'its files are the same again' diff "$T/before" "$T/after"
check 'its root there is gone' fails on b ls $STORE/containers/c1

check 'one of both layers' start_image two
check 'moves' move
check 'with the second alone' grep -q '^layers *1 of 2' "$T/move.out"
check 'it sees the second' prints second on b "$SKERRY" --root "$ROOT/b" exec c1 cat /second
check 'delete takes its root away' on b "$SKERRY" --root "$ROOT/b" delete --force c1
check 'all of it' eventually fails on b ls $STORE/containers/c1
check 'and its bundle' eventually fails on b ls /var/lib/skerry/migrated/c1
check 'no marker is left' is '' "$(ls -A "$ROOT/b/.images" 2>/dev/null)"

start_image two
check '--flat sends files, not layers' move --flat
check 'none are spoken of' fails grep '^layers' "$T/move.out"
check 'the root is a directory' on b test -f /var/lib/skerry/migrated/c1/rootfs/second

# Who watches it on the source sees its end and takes it for nothing else.
for h in a b; do on $h "$SKERRY" --root "$ROOT/$h" delete --force c1 >/dev/null 2>&1; done
check 'one that is started again whenever it ends' eval 'on a "$SKERRY" --root "$ROOT/a" run -d --restart always --image base --net none c1 sh -c "echo up >/up; while :; do sleep 1; done" </dev/null >"$T/image.out" 2>&1 &&
	eventually on a "$SKERRY" --root "$ROOT/a" exec c1 test -e /up'
check 'moves' move
check 'nobody watches it here any more' eventually eval '! on a ps ax | grep -q "[s]kerry: watch c1"'
check 'and it is not started again' only b

# --- failures -----------------------------------------------------------------------------------
on b "$SKERRY" --root "$ROOT/b" delete --force c1
on b rm -rf $STORE
start_image two
SKERRY_MIGRATE_FAULT=layer:kill move --timeout 10 >/dev/null
check 'the source killed among layers: it runs on' runs_on a c1
check 'nothing is left there' eventually fails on b ls /var/lib/skerry/migrated/c1
check 'what is in the store is whole' img b image fsck
export STANDIN_FAIL=restore
check 'criu failing there' status 75 move --timeout 10
unset STANDIN_FAIL
check 'its root there is taken away' eventually fails on b ls $STORE/containers/c1
check 'no marker is left' is '' "$(ls -A "$ROOT/b/.images" 2>/dev/null)"
SKERRY_MIGRATE_FAULT=t-restore:kill move --timeout 10 >/dev/null
check 'the target killed: it runs on here' runs_on a c1
check 'the next one clears that and moves' move
check 'layers that came before are not sent again' grep -q '^layers *0 of 2' "$T/move.out"
on b sh -c "mkdir -p $STORE/containers" && on b "$SKERRY" --root "$ROOT/b" delete --force c1
start_image base
on b "$SKERRY" --root "$ROOT/b/other" run -d --image two --pull never --net none c1 sh -c "while :; do sleep 1; done" </dev/null >"$T/other.out" 2>&1
check "another root with that id" on b "$SKERRY" --root "$ROOT/b/other" state c1
check 'a store that has one of that name is told' refuses 'has a container' move
on b "$SKERRY" --root "$ROOT/b/other" delete --force c1
on b sh -c "rm -rf $STORE && mkdir $STORE && mount -t tmpfs -o size=1500k tmpfs $STORE"
check 'a store that is too small is told' refuses 'layers and files take' move
check 'it runs on here' runs_on a c1
on b umount $STORE
done_testing
