#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# memory.sh - containers of one image share what they read: each page of a layer is in memory once.
#
# That is so for layers that are directories.  A layer that is a file is mounted once for each
# container, and the kernel keeps the pages of two mounts apart.
. "$(dirname "$0")/../lib.sh"

IMAGE=$BUILD/skerry-image
needs "no $IMAGE" test -x "$IMAGE"
needs 'no fincore (util-linux-extra)' command -v fincore
export SKERRY_STORE=$T/store SKERRY_LAYERS=directory HOME=$T/home XDG_RUNTIME_DIR=
# a file system whose pages can leave the memory: a tmpfs has nothing but them
mkdir -p "$HOME" "$T/disk" "$T/root"
truncate -s 300M "$T/img" && mkfs.ext4 -q -E lazy_itable_init=1 "$T/img" 2>/dev/null &&
	mount -o loop "$T/img" "$T/disk" && SKERRY_STORE=$T/disk/store
cp -a "$T/rootfs/." "$T/root/" && head -c 20000000 /dev/urandom >"$T/root/big"
tar -C "$T/root" -cf "$T/root.tar" .
"$IMAGE" import "$T/root.tar" i >/dev/null
for id in a b; do R run -d --image i $id sleep 1000; done
pages() { fincore -nbo PAGES "/proc/$(pid_of "$1")/root/big" | tr -d ' '; }

file=$(find "$SKERRY_STORE/layers" -name big)
sync -f "$file"
dd if="$file" iflag=nocache count=0 status=none
check 'nothing of the file is in memory' eventually eval '[ "$(pages b)" = 0 ]'
R exec a cat /big >/dev/null
check 'one container has read it' prints 4883 pages a
check 'it is in memory for the other' prints 4883 pages b
RD a b
"$IMAGE" prune -a >/dev/null
umount "$T/disk"
clean_or_fail
done_testing
