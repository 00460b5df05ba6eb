#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# repair.sh - damage is found and fetched again; power that goes at any moment takes no finished
# image.
#
# The power cut is the one that ext4 can make itself (FS_IOC_SHUTDOWN): nothing that was not synced
# reaches the disk any more, and the next mount replays the journal.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/registry-lib.sh"

mkdir -p "$T/disk" && truncate -s 400M "$T/img" && mkfs.ext4 -q -E lazy_itable_init=1 "$T/img" 2>/dev/null
power_on() { mount -o loop "$T/img" "$T/disk"; }
power_off() {
	python3 -c 'import fcntl, os, struct, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack("I", 2))' "$T/disk"
}
power_on
layout_make && registry_start || { echo 'Bail out! no image, no registry'; exit 1; }
push() { skopeo copy -q --dest-tls-verify=false "$@"; }
push "oci:$LAYOUT:bb" "docker://$REG/bb:1"
umoci config --image "$LAYOUT:bb" --tag two --config.label two=2
push "oci:$LAYOUT:two" "docker://$REG/bb:2"
FORMS='directory erofs'
grep -qw erofs /proc/filesystems || FORMS=directory
spoil() { printf x | dd of="$1" bs=1 seek="${2:-5000}" conv=notrunc status=none; }
# what a layer has of its own to spoil
a_file() {
	if [ "$SKERRY_LAYERS" = erofs ]; then
		find "$SKERRY_STORE/layers" -name '*.erofs' -size +100k
	else
		find "$SKERRY_STORE/layers" -name busybox
	fi | head -n 1
}

# --- fsck --repair --------------------------------------------------------------------------------
for SKERRY_LAYERS in $FORMS; do
	form=$SKERRY_LAYERS
	export SKERRY_LAYERS SKERRY_STORE=$T/disk/$form
	I pull -q "$REG/bb:1" >"$T/id"
	spoil "$(a_file)"
	check "$form: fsck finds a changed byte" status 1 I fsck
	check "$form: a changed layer is fetched again" shows 'fetched again' I fsck --repair
	check "$form: and all is well" shows ' 0 problems' I fsck
	check "$form: it runs" prints hello R run --image "$REG/bb:1" r1
	rm -r "$(find "$SKERRY_STORE/layers" -mindepth 1 -maxdepth 1 | head -n 1)"
	check "$form: a layer that is missing" eval 'status 1 I fsck && shows "fetched again" I fsck --repair && I fsck'
	config=$SKERRY_STORE/blobs/sha256/$(cut -d: -f2 "$T/id")
	chmod u+w "$config" && spoil "$config" 10
	check "$form: a changed config" eval 'status 1 I fsck && shows "fetched again" I fsck --repair && I fsck'
	check "$form: the name is still its" prints "$(cat "$T/id")" eval 'I inspect "$REG/bb:1" | jq -r ".[0].id"'
	I pull -q --keep-blobs "$REG/bb:2" >/dev/null
	blob=$(find "$SKERRY_STORE/blobs/sha256" -size +100k | head -n 1)
	chmod u+w "$blob" && spoil "$blob"
	check "$form: a blob that is kept" eval 'status 1 I fsck && shows "fetched again" I fsck --repair && I fsck && test -s "$blob"'
	I load -q -i "$LAYOUT" --name loaded
	I rmi "$REG/bb:1" "$REG/bb:2" >/dev/null && I prune >/dev/null
	spoil "$(a_file)"
	check "$form: what came from nowhere can't be fetched" refuses '' I fsck --repair
	check "$form: and that is said" eval 'I fsck --repair | grep -q "it came from no registry"'
	I rmi -a >/dev/null
done

# --- power cuts -----------------------------------------------------------------------------------
for SKERRY_LAYERS in $FORMS; do
	form=$SKERRY_LAYERS
	export SKERRY_LAYERS SKERRY_STORE=$T/disk/$form
	rm -rf "$SKERRY_STORE"
	I pull -q "$REG/bb:1" >/dev/null
	power_off
	umount "$T/disk" && power_on
	check "$form: an image that was pulled outlives a power cut" eval 'I fsck && prints hello R run --image "$REG/bb:1" r1'
	bad=
	for delay in 0 0.02 0.04 0.06 0.08 0.1 0.13 0.16 0.2 0.3; do
		I rmi "$REG/bb:2" >/dev/null 2>&1
		I prune >/dev/null
		{ I pull -q "$REG/bb:2" && I tag "$REG/bb:2" "t$delay" && echo whole; } >"$T/said" 2>&1 &
		job=$!
		sleep "$delay"
		power_off
		wait $job
		umount "$T/disk" && power_on || break
		I fsck >"$T/fsck" || { bad="$bad $delay:fsck" && diag <"$T/fsck"; }
		[ "$(I inspect "$REG/bb:1" | jq -r '.[0].id')" = "$(cat "$T/id")" ] || bad="$bad $delay:first"
		! grep -q whole "$T/said" || I inspect "t$delay" >/dev/null || bad="$bad $delay:said"
		I pull -q "$REG/bb:2" >/dev/null || bad="$bad $delay:again"
		I rmi "t$delay" >/dev/null 2>&1
	done
	check "$form: power goes during a pull: nothing is half there" is '' "$bad"
	bad=
	for delay in 0 0.01 0.02 0.04 0.06 0.1; do
		I rmi -a >/dev/null
		{ I load -q -i "$LAYOUT" --name loaded && echo whole; } >"$T/said" 2>&1 &
		job=$!
		sleep "$delay"
		power_off
		wait $job
		umount "$T/disk" && power_on || break
		I fsck >"$T/fsck" || { bad="$bad $delay:fsck" && diag <"$T/fsck"; }
		! grep -q whole "$T/said" || I inspect loaded >/dev/null || bad="$bad $delay:said"
	done
	check "$form: during load, rmi" is '' "$bad"
	I rmi -a >/dev/null
	check "$form: what a cut left goes" eval 'I prune -a >/dev/null && [ -z "$(find "$SKERRY_STORE"/{layers,images,refs,containers,leases,trash} -mindepth 1)" ]'
done
registry_stop
umount "$T/disk"
clean_or_fail
done_testing
