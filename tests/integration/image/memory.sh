#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# memory.sh - containers of one image share what they read: each page of a layer is in memory once.
#
# A layer that is a file is mounted once for all its containers, and that mount goes with the
# last of them, whatever was killed.
. "$(dirname "$0")/../lib.sh"

IMAGE=$BUILD/skerry-image
needs "no $IMAGE" test -x "$IMAGE"
needs 'no fincore (util-linux-extra)' command -v fincore
export HOME=$T/home XDG_RUNTIME_DIR=
# a file system whose pages can leave the memory: a tmpfs has nothing but them
mkdir -p "$HOME" "$T/disk" "$T/root"
truncate -s 400M "$T/img" && mkfs.ext4 -q -E lazy_itable_init=1 "$T/img" 2>/dev/null &&
	mount -o loop "$T/img" "$T/disk"
cp -a "$T/rootfs/." "$T/root/" && head -c 20000000 /dev/urandom >"$T/root/big"
tar -C "$T/root" -cf "$T/root.tar" .
mkdir "$T/second" && echo second >"$T/second/file" && printf 'FROM i\nCOPY file /second\n' >"$T/second/Dockerfile"
I() { timeout -k 5 "${TMO:-90}" "$IMAGE" "$@"; }
pages() { fincore -nbo PAGES "/proc/$(pid_of "$1")/root/big" | tr -d ' '; }
detached() { R run -d --image "$1" "$2" sleep 1000; } # IMAGE ID
layer_mounts() { grep -c " $SKERRY_STORE/mounts/at/" /proc/self/mountinfo; }
no_mounts() { ! grep -F "$SKERRY_STORE" /proc/self/mountinfo && [ -z "$(ls "$SKERRY_STORE/mounts")" ]; }

for form in directory erofs; do
	export SKERRY_STORE=$T/disk/$form SKERRY_LAYERS=$form
	if [ $form = erofs ] && ! { I import "$T/root.tar" i && I mount i "$T/second"; } >/dev/null 2>&1; then
		skip 'erofs: layers that are files' 'this kernel mounts no EROFS from a file'
		I prune -a >/dev/null
		break
	fi
	[ $form = directory ] && I import "$T/root.tar" i >/dev/null
	[ $form = erofs ] && I unmount "$T/second"
	detached i a && detached i b
	if [ $form = erofs ]; then
		file=/proc/$(pid_of b)/root/big
		check "$form: two containers, one mount of the layer" prints 1 layer_mounts
	else
		file=$(find "$SKERRY_STORE/layers" -name big)
	fi
	sync -f "$SKERRY_STORE/VERSION"
	dd if="$file" iflag=nocache count=0 status=none
	check "$form: nothing of the file is in memory" eventually eval '[ "$(pages b)" = 0 ]'
	R exec a cat /big >/dev/null
	check "$form: one container has read it" prints 4883 pages a
	check "$form: it is in memory for the other" prints 4883 pages b
	RD a
	check "$form: and stays when the first is gone" prints 4883 pages b
	RD b
	check "$form: with the last nothing is mounted any more" no_mounts
	[ $form = erofs ] || I prune -a >/dev/null
done

if [ $form = erofs ] && [ -d "$SKERRY_STORE/layers" ] && I images -q i | grep -q .; then
	check 'an image upon it' I build -q -t two "$T/second"
	detached i a && detached two b
	check 'has a mount more, and the first layer in common' prints 2 layer_mounts
	check 'and its file' prints second R exec b cat /second
	RD b
	check 'its own goes with it' prints 1 layer_mounts
	check 'a mount that somebody else took away' eval 'umount -l "$SKERRY_STORE/mounts/at" && detached two b && prints second R exec b cat /second && prints 2 layer_mounts'
	check 'the containers before it did not need it' R exec a test -s /big
	RD a b
	check 'nothing is mounted any more' no_mounts
	check 'several at once' eval 'for i in 1 2 3 4 5; do detached two c$i & done; wait; for i in 1 2 3 4 5; do prints second R exec c$i cat /second || exit; done; is 2 "$(layer_mounts)"'
	check 'gone at once' eval 'for i in 1 2 3 4 5; do R delete --force c$i & done; wait; no_mounts'
	# the folder of a container without its mounts taken away: as after kill -9 in its removal
	I bundle --image two k1 true >/dev/null
	umount "$SKERRY_STORE/containers/k1/merged"
	rm -r "$SKERRY_STORE/containers/k1"
	check 'a removal that was killed leaves mounts' prints 2 layer_mounts
	check 'which prune takes' eval 'I prune && no_mounts'
	I bundle --image two k1 true >/dev/null
	umount "$SKERRY_STORE/containers/k1/merged"
	rm -r "$SKERRY_STORE/containers/k1"
	check 'or the next container that goes' eval 'R run --image two k2 cat /second && no_mounts'
	detached two b
	layer=$(I inspect two | jq -r '.[0].layers[-1].diffId')
	printf x | dd of="$SKERRY_STORE/layers/${layer#*:}.erofs" bs=1 seek=4600 conv=notrunc status=none
	check 'a damaged layer leaves its mount as well as the store' eval 'I fsck --repair; prints 1 layer_mounts'
	check 'and comes anew' eval 'I build -q -t two --no-cache "$T/second" && R run --image two k3 cat /second'
	RD b
	check 'nothing is mounted any more' no_mounts
	# made in one mount namespace, removed in another
	I bundle --image two k4 true >/dev/null
	unshare -m "$IMAGE" unbundle k4
	check 'removed in another mount namespace: gone here as well' no_mounts
	detached i a
	unshare -m --propagation private bash -c 'umount -l "$1"; "$2" bundle --image i k5 true >/dev/null && "$2" unbundle k5' - "$SKERRY_STORE/mounts/at" "$IMAGE"
	check 'in a namespace without the mounts' eval 'R exec a test -s /big && [ "$(layer_mounts)" -le 1 ]'
	RD a
	check 'nothing is mounted any more' no_mounts
	I prune -a >/dev/null
fi
umount "$T/disk"
clean_or_fail
done_testing
