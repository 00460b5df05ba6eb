#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# peers.sh - the same image in umoci, podman, containerd and here: the trees are equal to the bit,
# and what one pushes the others pull.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/registry-lib.sh"

# overlay wants no tmpfs of older kernels, EROFS none at all
mkdir "$T/disk" && truncate -s 1500M "$T/img" && mkfs.ext4 -q -E lazy_itable_init=1 "$T/img" 2>/dev/null &&
	mount -o loop "$T/img" "$T/disk"
D=$T/disk STORE=$T/disk/store
export SKERRY_STORE=$STORE
layout_make && registry_start || { echo 'Bail out! no image, no registry'; exit 1; }

# --- an image of four layers: thousands of files, links, capabilities, owners, long names ----------------
umoci unpack --image "$LAYOUT:bb" "$T/work" >/dev/null
r=$T/work/rootfs
tar -C / -cf - usr/share/perl5 usr/share/bash-completion etc/alternatives 2>/dev/null | tar -C "$r" -xpf -
mkdir "$r/many" && seq 3000 | split -l 1 -a 4 - "$r/many/file-"
mkdir -p "$r/odd/$(printf 'long%.0s' $(seq 50))/sub" "$r/odd/empty" "$r/odd/sticky"
cp "$r/bin/busybox" "$r/odd/capable" && ln "$r/odd/capable" "$r/odd/hard" && ln -s ../bin/busybox "$r/odd/soft"
setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 "$r/odd/capable"
setfattr -n user.name -v value "$r/odd/empty"
cp "$r/bin/busybox" "$r/odd/setuid" && chmod 4711 "$r/odd/setuid" && chmod 1777 "$r/odd/sticky"
truncate -s 2M "$r/odd/hole" && printf x | dd of="$r/odd/hole" bs=1 seek=1M conv=notrunc status=none
touch -d '1990-01-02 03:04:05' "$r/odd/hole" && chown 12345:54321 "$r/odd/hole"
printf '\303\251\n' >"$r/odd/$(printf '\303\251 \\ "x"')"
umoci repack --refresh-bundle --image "$LAYOUT:bb" "$T/work" >/dev/null
rm "$r"/many/file-??[a-f]? && chmod 600 "$r"/many/file-??[n-p]z
rm -rf "$r/usr/share/bash-completion" "$r/usr/share/perl5/"[A-M]* && mkdir -p "$r/usr/share" && mkdir "$r/usr/share/bash-completion" &&
	echo new >"$r/usr/share/bash-completion/new" && rm -rf "$r/etc/alternatives" && rm "$r/odd/setuid" && ln -s soft "$r/odd/setuid" &&
	mv "$r/odd/hole" "$r/odd/moved" && chmod 700 "$r/odd/empty"
umoci repack --image "$LAYOUT:bb" "$T/work" >/dev/null
rm -rf "$T/work"
skopeo copy -q --dest-tls-verify=false "oci:$LAYOUT:bb" "docker://$REG/bb:1"
umoci unpack --image "$LAYOUT:bb" "$D/umoci" >/dev/null 2>&1
tree "$D/umoci/rootfs" >"$T/want"
check 'the image has thousands of files' eval '[ "$(wc -l <"$T/want")" -gt 3000 ]'
rm -rf "$D/umoci"
# what overlay itself shows differently: a directory's size is not in it, nor is its number of links
same() { # same DIR: what is there is what umoci unpacked
	tree "$1" >"$T/got"
	diff "$T/want" "$T/got" | head -n 40
	cmp -s "$T/want" "$T/got"
}

mkdir -p "$T/mnt"
for form in erofs directory; do
	export SKERRY_LAYERS=$form SKERRY_STORE=$D/$form
	if [ $form = erofs ] && ! grep -qw erofs /proc/filesystems; then
		skip "$form: the tree is umoci's" 'this kernel has no EROFS'
		continue
	fi
	I pull -q "$REG/bb:1" >/dev/null
	I mount "$REG/bb:1" "$T/mnt"
	check "$form: the tree is umoci's" same "$T/mnt"
	I unmount "$T/mnt"
done
form=directory

# --- podman ---------------------------------------------------------------------------------------
P() { timeout 120 podman --root "$D/podman" --runroot "$T/podman-run" --storage-driver overlay "$@"; }
digest=$(skopeo inspect --tls-verify=false "docker://$REG/bb:1" | jq -r .Digest)
I push -q --force-compression "$REG/bb:1" "$REG/ours:1" >/dev/null
if command -v podman >/dev/null; then
	check 'podman pulls what we pushed' P pull -q --tls-verify=false "$REG/ours:1"
	check 'its tree is ours' eval 'm=$(P image mount "$REG/ours:1") && same "$m"; rc=$?; P image umount "$REG/ours:1" >/dev/null; [ $rc = 0 ]'
	check 'podman pushes' P push -q --tls-verify=false "$REG/ours:1" "$REG/podman:1"
	P rmi -af >/dev/null 2>&1
	umount "$D/podman/overlay" 2>/dev/null
	rm -rf "$D/podman"
	check 'and we pull' eval 'I pull -q "$REG/podman:1" && I mount "$REG/podman:1" "$T/mnt" && same "$T/mnt"; rc=$?; I unmount "$T/mnt"; [ $rc = 0 ]'
else
	skip 'podman' 'no podman here'
fi

# --- containerd -----------------------------------------------------------------------------------
if command -v containerd >/dev/null && command -v ctr >/dev/null; then
	cat >"$T/containerd.toml" <<-END
		version = 2
		root = "$D/containerd"
		state = "$T/containerd-state"
		disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.devmapper"]
		[grpc]
		  address = "$T/containerd.sock"
		[ttrpc]
		  address = "$T/containerd.ttrpc"
	END
	containerd -c "$T/containerd.toml" >"$T/containerd.log" 2>&1 &
	containerd=$!
	C() { timeout 120 ctr -a "$T/containerd.sock" "$@"; }
	eventually C version >/dev/null
	check 'containerd pulls what we pushed' C image pull --plain-http "$REG/ours:1"
	check 'its tree is ours' eval 'C image mount "$REG/ours:1" "$T/mnt" >/dev/null && same "$T/mnt"; rc=$?; C image unmount "$T/mnt" >/dev/null; [ $rc = 0 ]'
	check 'containerd pushes' C image push --plain-http "$REG/containerd:1" "$REG/ours:1"
	check 'and we pull' I pull -q "$REG/containerd:1"
	check 'the same image' is "$(I inspect "$REG/ours:1" 2>/dev/null | jq -r '.[0].id // empty')$(I inspect "$REG/bb:1" | jq -r '.[0].id')" \
		"$(I inspect "$REG/containerd:1" | jq -r '.[0].id')"
	C image rm "$REG/ours:1" >/dev/null
	I save -o "$T/saved.tar" "$REG/bb:1"
	check 'containerd imports our archive' C image import "$T/saved.tar"
	safe_kill TERM $containerd
	wait $containerd
	umount "$T"/containerd-state/*/* 2>/dev/null
else
	skip 'containerd' 'no containerd here'
fi

# --- skopeo, umoci --------------------------------------------------------------------------------
check 'the digest that came goes out again where nothing is compressed anew' is "$digest" "$(I push -q "$REG/bb:1" "$REG/same:1")"
check 'save --format oci-dir' I save --format oci-dir -o "$D/layout" "$REG/bb:1"
check 'skopeo reads it' skopeo inspect "oci:$D/layout"
check 'umoci reads it' umoci stat --image "$D/layout:$(jq -r '.manifests[0].annotations["org.opencontainers.image.ref.name"]' "$D/layout/index.json")" --json
registry_stop
umount "$D"
clean_or_fail
done_testing
