#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# archive.sh - save, load and import: docker's archives, OCI's, layouts; with skopeo and umoci.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/registry-lib.sh"

layout_make || { echo 'Bail out! no image'; exit 1; }
id=$(jq -r .config.digest "$LAYOUT/blobs/sha256/$(jq -r '.manifests[0].digest' "$LAYOUT/index.json" | cut -d: -f2)")
fresh() {
	rm -rf --one-file-system "$STORE"
}

check 'a layout is loaded' shows localhost/bb I load -i "$LAYOUT"
check 'under the id it has' prints "$id" eval 'I inspect bb | jq -r ".[0].id"'
check 'load --name' shows some/name I load -i "$LAYOUT" --name some/name
umoci unpack --image "$LAYOUT:bb" "$T/want" >/dev/null
tree "$T/want/rootfs" >"$T/want.tree"
same_tree() { # same_tree OCI-IMAGE
	rm -rf "$T/got"
	umoci unpack --image "$1" "$T/got" >/dev/null || return
	tree "$T/got/rootfs" | diff "$T/want.tree" -
}

# --- what we write, others read -------------------------------------------------------------------
check 'save' I save -o "$T/saved.tar" bb
check 'skopeo reads it as docker-archive' skopeo copy -q "docker-archive:$T/saved.tar" "oci:$T/from-docker:bb"
check 'with the same tree' same_tree "$T/from-docker:bb"
check 'skopeo reads it as oci-archive' skopeo copy -q "oci-archive:$T/saved.tar" "oci:$T/from-oci:bb"
check 'with the same tree' same_tree "$T/from-oci:bb"
check 'save writes to standard output' eval 'I save bb | cmp - "$T/saved.tar"'
D() {
	"$IMAGE" --store "$T/directories" --layers directory "$@"
}
check 'from layers that are directories' eval 'D load -q -i "$LAYOUT" && D save -o "$T/joined.tar" bb'
check 'it is the same, byte for byte' cmp "$T/joined.tar" "$T/saved.tar"
cp "$T/saved.tar" "$T/again.tar"
# SIGXFSZ at 64 kB
check 'a save that is killed half-way' status 153 sh -c 'ulimit -f 64; "$@"' sh "$IMAGE" save -o "$T/again.tar" bb
check 'leaves the archive that was there' cmp "$T/saved.tar" "$T/again.tar"
check 'a save over an archive' eval 'echo old >"$T/again.tar"; I save -o "$T/again.tar" bb && cmp "$T/saved.tar" "$T/again.tar"'
check 'nothing lies beside it' eval '! ls -A "$T" | grep -F .new'
check 'save into a device' I save -o /dev/null bb
check 'save --format oci-dir' I save --format oci-dir -o "$T/dir" bb
check 'umoci reads the layout' same_tree "$T/dir:latest"
I load -q -i "$LAYOUT" --name second/image:2
check 'several images in one archive' I save -o "$T/two.tar" bb second/image:2
check 'whose layers are written once' is "$(tar tf "$T/two.tar" | sort | uniq -d)" ''

# --- what others write, we read -------------------------------------------------------------------
fresh
check 'our own archive is loaded' shows localhost/bb I load -i "$T/saved.tar"
check 'with the same id' prints "$id" eval 'I inspect bb | jq -r ".[0].id"'
fresh
check 'from a pipe' eval 'cat "$T/two.tar" | I load | grep -q second/image:2'
fresh
gzip -k "$T/saved.tar"
check 'compressed as a whole' shows localhost/bb I load -i "$T/saved.tar.gz"
fresh
skopeo copy -q "oci:$LAYOUT:bb" "docker-archive:$T/skopeo.tar:skopeo/image:3"
check 'docker-archive of skopeo' shows skopeo/image:3 I load -i "$T/skopeo.tar"
check 'has the same layers' eval 'is "$(I inspect skopeo/image:3 | jq -c ".[0].layers | map(.diffId)")" "$(jq -c .rootfs.diff_ids "$LAYOUT/blobs/sha256/${id#*:}")"'
fresh
skopeo copy -q "oci:$LAYOUT:bb" "oci-archive:$T/skopeo-oci.tar:bb"
check 'oci-archive of skopeo' shows localhost/bb I load -i "$T/skopeo-oci.tar"

# --- the same image again -------------------------------------------------------------------------
# An image is its id, as for docker and podman: another manifest of it is no other image.
# other_manifest DIR [NAME]: the layout with an annotation more in the manifest
other_manifest() {
	local blobs=$1/blobs/sha256 old new
	cp -r "$LAYOUT" "$1"
	old=$(jq -r '.manifests[0].digest' "$LAYOUT/index.json")
	jq -c --arg in "$1" '.annotations = { in: $in }' "$blobs/${old#*:}" >"$1/new"
	new=$(sha256sum <"$1/new" | cut -d' ' -f1)
	mv "$1/new" "$blobs/$new"
	jq -c --arg d "sha256:$new" --arg name "${2-}" --argjson size "$(stat -c %s "$blobs/$new")" \
		'.manifests[0] |= (.digest = $d | .size = $size |
			if $name == "" then del(.annotations) else .annotations["org.opencontainers.image.ref.name"] = $name end)' \
		"$LAYOUT/index.json" >"$1/index.json"
}
rows() { I images -n | awk '{ print $1 ":" $2, $3 }' | LC_ALL=C sort; }
records() { is "$1" "$(find "$STORE/images" -type f | wc -l)"; }
bb="localhost/bb:latest ${id:7:12}"
fresh
I load -q -i "$LAYOUT"
other_manifest "$T/again" bb && other_manifest "$T/nameless" && other_manifest "$T/more" more
check 'a known image with another manifest takes the name' eval 'I load -q -i "$T/again" && is "$bb" "$(rows)" && records 2'
check 'it can be found by either digest' eval 'for d in "$LAYOUT" "$T/again"; do I exists "$(jq -r ".manifests[0].digest" "$d/index.json")" || exit; done'
check 'no image lost its name' prints '' I images -q -f dangling=true
check 'prune takes the manifest that none names, and no image' eval 'shows "removed 0 images, 0 layers, 1 blobs" I prune && records 1 && is "$bb" "$(rows)"'
check 'without a name it has the one that it had' eval 'I load -q -i "$T/nameless" && is "$bb" "$(rows)"'
check 'another name is one more' eval 'I load -q -i "$T/more" && is "$bb
localhost/more:latest ${id:7:12}" "$(rows)"'
check 'ids are told once' prints "${id:7:12}" I images -q
check 'the id alone means both' refuses 'has 2 names' I rmi "${id:7:12}"
check 'a name is taken away' eval 'shows "untagged: more" I rmi more && is "$bb" "$(rows)"'
# made of a manifest that loses its name
I bundle --image bb kept >/dev/null
I load -q -i "$LAYOUT"
check 'a container keeps the image whatever its manifest is called now' refuses 'container "kept" uses it' I rmi bb
check 'nor was its name taken' is "$bb" "$(rows)"
check 'images --filter containers' eval 'is "${id:7:12}" "$(I images -q -f containers=true)"'
I unbundle kept
check 'rmi takes all of it' eval 'I rmi bb && is "" "$(rows)" && records 0'
check 'an image without a name' eval 'I load -q -i "$T/nameless" && is "<none>:<none> ${id:7:12}" "$(rows)"'
check 'gets one' eval 'I load -q -i "$LAYOUT" && is "$bb" "$(rows)"'
tar -C "$T/image-rootfs/etc" -cf - passwd | I import - localhost/bb >"$T/new"
check 'a name that goes to another image leaves the old one without' is 2 "$(rows | grep -cE "^(localhost/bb:latest $(cut -c8-19 "$T/new")|<none>:<none> ${id:7:12})\$")"

# --- what is broken -------------------------------------------------------------------------------
fresh
head -c 1000000 "$T/saved.tar" >"$T/cut.tar"
check 'an archive that is cut off is refused' fails I load -i "$T/cut.tar"
check 'and leaves no image' prints '' I images -q
cp -r "$LAYOUT" "$T/bad"
blob=$(find "$T/bad/blobs/sha256" -size +100k | head -n 1)
printf x | dd of="$blob" bs=1 seek=50000 conv=notrunc 2>/dev/null
check 'a layer with another digest is refused' fails I load -i "$T/bad"
check 'and leaves no image' prints '' I images -q
echo hello >"$T/text"
check 'what is no archive is refused' fails I load -i "$T/text"
check 'a file that is not there' refuses 'No such file' I load -i "$T/none"

# --- import ---------------------------------------------------------------------------------------
tar -C "$T/image-rootfs" -cf "$T/rootfs.tar" .
check 'import makes an image of a tar' I import "$T/rootfs.tar" imported
check 'with one layer' prints 1 eval 'I inspect imported | jq ".[0].layers | length"'
check 'whose digest is that of the tar' prints "sha256:$(sha256sum <"$T/rootfs.tar" | cut -d' ' -f1)" \
	eval 'I inspect imported | jq -r ".[0].layers[0].diffId"'
check 'import from a pipe' eval 'gzip <"$T/rootfs.tar" | I import - piped'
check 'import of what tar padded to a whole record' eval '{ gzip <"$T/rootfs.tar"; head -c 5000 /dev/zero; } | I import - piped'
check 'the store is sound' I fsck
done_testing
