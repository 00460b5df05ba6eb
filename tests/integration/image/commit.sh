#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# commit.sh - what a container changed becomes a layer with all that belongs to it; diff, cp,
# export, import.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/registry-lib.sh"

mkdir "$T/disk" && truncate -s 400M "$T/img" && mkfs.ext4 -q -E lazy_itable_init=1 "$T/img" 2>/dev/null &&
	mount -o loop "$T/img" "$T/disk"
layout_make || { echo 'Bail out! no image'; exit 1; }
mkdir -p "$T/mnt"
long=$(printf 'name%.0s' $(seq 50))
changes() { # changes DIR: of every kind
	cd "$1" || return
	echo new >plain && chmod 640 plain && chown 1234:4321 plain
	echo more >>etc/passwd
	rm -r data/old && mkdir -m 711 data/old && echo again >data/old/again
	rm data/file data/link
	mkdir -p "$long/$long" && echo deep >"$long/$long/$long"
	cp bin/busybox capable && ln capable hard && ln -s ../away soft && mkfifo -m 600 fifo
	setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 capable
	setfattr -n user.key -v "two
lines" plain
	setfattr -n user.key -v dir data/old
	mknod -m 660 null c 1 3 && mknod block b 7 200
	cp bin/busybox setid && chmod 6755 setid
	truncate -s 4M hole && printf x | dd of=hole bs=1 seek=2M conv=notrunc status=none
	: >empty && mkdir -m 1777 sticky
	touch -h -d @1234567890.123456789 soft
	touch -d @981173106 plain data/old
	chown -h 7:8 soft
	mv tmp moved 2>/dev/null || true
	cd "$T" || return
}
for form in erofs directory; do
	export SKERRY_LAYERS=$form SKERRY_STORE=$T/disk/$form
	if [ $form = erofs ] && ! grep -qw erofs /proc/filesystems; then
		skip "$form: layers that are files" 'this kernel has no EROFS'
		continue
	fi
	I load -q -i "$LAYOUT"
	I bundle --image bb c1 >/dev/null
	merged=$SKERRY_STORE/containers/c1/merged
	(changes "$merged")
	tree "$merged" >"$T/want"
	check "$form: commit" I commit -m message -a author c1 made
	I mount made "$T/mnt"
	tree "$T/mnt" >"$T/got"
	check "$form: every file, mode, owner, time, attribute and link is in the image" diff "$T/want" "$T/got"
	I unmount "$T/mnt"
	check "$form: the configuration is that of the image" eval 'for k in Env Entrypoint Cmd User WorkingDir Labels StopSignal ExposedPorts Volumes; do is "$(I inspect bb | jq -cS ".[0].config.$k")" "$(I inspect made | jq -cS ".[0].config.$k")" || return; done'
	check "$form: an image of a container that changed nothing" eval 'I bundle --image bb c2 >/dev/null && tree "$SKERRY_STORE/containers/c2/merged" >"$T/same" && I commit c2 same && I unbundle c2 && I mount same "$T/mnt" && tree "$T/mnt" | diff "$T/same" -; rc=$?; I unmount "$T/mnt"; [ $rc = 0 ]'
	check "$form: diff names what was added, changed and deleted" eval 'I diff c1 >"$T/diff"; for line in "A /plain" "C /etc/passwd" "D /data/file" "D /data/link" "A /capable" "A /data/old/again" "D /data/old/new" "A /$long"; do grep -qxF "$line" "$T/diff" || { echo "no $line"; return 1; }; done'
	check "$form: and no more" eval '! grep -E " /(bin|etc/group|data/pipe)$" "$T/diff"'
	check "$form: export is the whole tree" eval 'mkdir -p "$T/disk/out" && I export c1 | tar -C "$T/disk/out" --xattrs --xattrs-include="*" -xpf - && tree "$T/disk/out" | diff "$T/want" -; rc=$?; rm -rf "$T/disk/out"; [ $rc = 0 ]'
	check "$form: import of an export" eval 'I export -o "$T/export.tar" c1 && I import "$T/export.tar" back && I mount back "$T/mnt" && tree "$T/mnt" | diff "$T/want" -; rc=$?; I unmount "$T/mnt"; rm -f "$T/export.tar"; [ $rc = 0 ]'
	check "$form: umoci unpacks the same" eval 'I save --format oci-dir -o "$T/disk/layout2" made && umoci unpack --image "$T/disk/layout2:latest" "$T/disk/out" >/dev/null 2>&1 && tree "$T/disk/out/rootfs" | diff "$T/want" -; rc=$?; rm -rf "$T/disk/out" "$T/disk/layout2"; [ $rc = 0 ]'

	# --- cp -----------------------------------------------------------------------------------
	mkdir -p "$T/from/sub" && echo f >"$T/from/f" && chmod 604 "$T/from/f" && echo s >"$T/from/sub/s" && ln -s f "$T/from/l"
	check "$form: cp of a folder into a container" eval 'I cp "$T/from" c1:/in && is f "$(cat "$merged/in/f")" && is s "$(cat "$merged/in/sub/s")" && is f "$(readlink "$merged/in/l")" && is 604 "$(stat -c %a "$merged/in/f")"'
	check "$form: cp of what is in it" eval 'mkdir "$merged/there" && I cp "$T/from/." c1:/there && is s "$(cat "$merged/there/sub/s")"'
	check "$form: into a folder that is there" eval 'I cp "$T/from" c1:/there && is f "$(cat "$merged/there/from/f")"'
	check "$form: a file under another name" eval 'I cp "$T/from/f" c1:/renamed && is f "$(cat "$merged/renamed")"'
	check "$form: out of it, a folder" eval 'I cp c1:/in "$T/gone-out" && is s "$(cat "$T/gone-out/sub/s")" && is 604 "$(stat -c %a "$T/gone-out/f")"; rm -r "$T/gone-out"'
	ln -s / "$merged/root-link" && ln -s /etc "$merged/etc-link"
	check "$form: links lead nowhere outside" eval 'I cp "$T/from/f" c1:/root-link/inside && is f "$(cat "$merged/inside")" && [ ! -e /inside ] && I cp c1:/etc-link/passwd "$T/passwd" && grep -q more "$T/passwd"'
	check "$form: what is not there" refuses 'No such file' I cp c1:/none "$T/x"
	I unbundle c1
	I rmi -a >/dev/null
	rm -rf "$T/from"
done
umount "$T/disk"
clean_or_fail
done_testing
