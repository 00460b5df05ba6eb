#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: vm
# checkpoint-archive.sh - checkpoint --export, restore --import, and images of it
#
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/../lib.sh"

needs 'no criu' command -v criu

TMO=200
A=$T/archive
export SKERRY_STORE=$T/store
rootfs_template
config_template

detached() {
	R "$@" </dev/null >"$T/detached.out" 2>&1 && return
	cat "$T/detached.out"
	grep -hnE 'Error|Warn' "$T"/*.log "$B"/*.log "$NEW"/*.log "$ROOT"/*/*.log 2>/dev/null | tail -n 15
	return 1
}
# archive MEMBER: its text
member() { tar -xOf "$A" "$1"; }
members() { tar -tf "$A"; }
counts_in() {
	local before
	before=$(cat "$1/rootfs/tmp/count")
	eventually eval '[ "$(cat "'"$1"'/rootfs/tmp/count")" -gt '"${before:-0}"' ]'
}
NEW=$T/new

# --- a plain root file system: all of it is in the archive --------------------------------
mk "$(args sh -c 'n=0; while :; do n=$((n + 1)); echo $n >/tmp/count; sleep 0.05; done') |
	.linux.namespaces += [{\"type\": \"network\"}]"
before=$(inv)
detached run -d c1
eventually test -s "$B/rootfs/tmp/count"
check 'checkpoint --export' detached checkpoint --export "$A.zst" c1
check 'ends the container' gone c1
check 'the archive is there' test -s "$A.zst"
check 'and nothing else beside it' is archive.zst "$(find "$T" -maxdepth 1 -name "*archive*" -printf "%f\n")"
zstd -dqf "$A.zst" -o "$A"
check 'it is a tar of zstd with the criu images' has "$(members)" checkpoint/inventory.img
check 'with descriptors.json' has "$(members)" checkpoint/descriptors.json
check 'config.dump has the name' is c1 "$(member config.dump | jq -r .name)"
check 'spec.dump has the process' is sh "$(member spec.dump | jq -r '.process.args[0]')"
check 'checkpointctl is told who made it' is libpod "$(member spec.dump | jq -r '.annotations["io.container.manager"]')"
check 'skerry.json has the version of criu' is "$(criu --version | sed -n 's/Version: //p')" "$(member skerry.json | jq -r .criu | sed 's/\.0$//')"
check 'all files are in it' has "$(member rootfs-diff.tar | tar -t)" etc/passwd
check 'restore --import makes a bundle' detached restore -d --import "$A.zst" --bundle "$NEW" c1
check 'that counts on' counts_in "$NEW"
check 'config.json was made' is rootfs "$(jq -r .root.path "$NEW/config.json")"
check 'the images are gone' fails ls -d "$NEW"/.import*
check 'files kept their owner and mode' is "$(stat -c '%u:%g:%a' "$B/rootfs/etc/passwd")" "$(stat -c '%u:%g:%a' "$NEW/rootfs/etc/passwd")"

# --- left running, each compression, pipes -------------------------------------------------
check '--leave-running' detached checkpoint --leave-running --compress gzip --export "$A.gz" c1
check 'it runs on' is_status running c1
check 'and counts' counts_in "$NEW"
check 'is gzip' gzip -t "$A.gz"
check 'stats-dump is in it' has "$(tar -tzf "$A.gz")" stats-dump
R checkpoint --leave-running --compress none --export - c1 </dev/null 2>"$T/err" >"$A"
check 'to standard output' has "$(members)" checkpoint/inventory.img
R checkpoint --leave-running --compress none --ignore-rootfs --export "$T/bare" c1 </dev/null >"$T/out" 2>&1
check '--ignore-rootfs leaves it out' fails grep -q rootfs-diff <<<"$(tar -tf "$T/bare")"
check 'a compression that is none' refuses 'compression' R checkpoint --leave-running --compress xz --export "$A.xz" c1
check 'an archive and a directory' refuses 'either' R checkpoint --export "$A.x" --image-path "$T/i" c1
check 'a place that is not there' refuses 'no/such' R checkpoint --export "$T/no/such/x" c1
check 'it still runs' is_status running c1
RD c1
rm -rf "$NEW"
R restore -d --import - --bundle "$NEW" c2 <"$A.gz" >"$T/out" 2>&1
check 'from standard input' counts_in "$NEW"
RD c2
echo mine >"$NEW/rootfs/etc/passwd"
check '--ignore-rootfs leaves them alone' eval 'R restore -d --ignore-rootfs --import "$A.gz" --bundle "$NEW" c2 </dev/null >"$T/out" 2>&1; is mine "$(cat "$NEW/rootfs/etc/passwd")"'
RD c2

# --- what can go wrong keeps the container --------------------------------------------------
detached run -d c3
eventually test -s "$B/rootfs/tmp/count"
mkdir "$T/small"
mount -t tmpfs -o size=256k tmpfs "$T/small"
check 'a full disk' fails R checkpoint --export "$T/small/x" c3
check 'leaves it running' is_status running c3
check 'counting' counts_in "$B"
check 'and nothing behind' is '' "$(ls -A "$T/small")"
umount "$T/small"
RD c3
check 'a file that is no archive' refuses '' R restore -d --import /etc/passwd --bundle "$T/none" c4
check 'leaves nothing' is '' "$(ls -A "$T/none")"
rm -rf "$T/none"

# --- hostile archives -------------------------------------------------------------------------
cat >"$T/hostile.py" <<'PY'
import io, sys, tarfile
out, kind = sys.argv[1:]
t = tarfile.open(out, "w")
def put(name, data=b"x", **more):
    i = tarfile.TarInfo(name)
    i.size = len(data)
    for k, v in more.items():
        setattr(i, k, v)
    t.addfile(i, io.BytesIO(data) if i.isreg() else None)
put("checkpoint/inventory.img")
if kind == "up":
    put("checkpoint/../../../escaped")
elif kind == "absolute":
    put("/escaped")
elif kind == "link":
    put("checkpoint", b"", type=tarfile.SYMTYPE, linkname="/tmp")
elif kind == "parent":
    put("checkpoint/parent", b"", type=tarfile.SYMTYPE, linkname="/etc")
elif kind == "hard":
    put("checkpoint/x", b"", type=tarfile.LNKTYPE, linkname="/etc/passwd")
elif kind == "twice":
    put("config.dump", b"{}")
    put("config.dump", b"{}")
elif kind == "device":
    put("checkpoint/null", b"", type=tarfile.CHRTYPE, devmajor=1, devminor=3)
elif kind == "huge":
    i = tarfile.TarInfo("checkpoint/pages-1.img")
    i.size = 1 << 50
    t.addfile(i, None) if False else t.fileobj.write(i.tobuf())
t.close()
PY
for kind in up link parent hard twice device huge; do
	python3 "$T/hostile.py" "$T/hostile" "$kind"
	check "a hostile archive: $kind" refuses '' R restore -d --import "$T/hostile" --bundle "$T/none" c5
	check "leaves nothing: $kind" is '' "$(ls -A "$T/none")"
	rm -rf "$T/none"
done
check 'nothing escaped' fails test -e "$T/escaped" -o -e /escaped

# --- an overlay: what it changed ---------------------------------------------------------------
mkdir -p "$T/ov/upper" "$T/ov/work" "$T/ov/b/rootfs" "$T/ov/lower"
cp -a "$T/rootfs/." "$T/ov/lower"
mkdir -p "$T/ov/lower/gone" "$T/ov/lower/opaque"
touch "$T/ov/lower/gone/file" "$T/ov/lower/opaque/old" "$T/ov/lower/away"
mount -t overlay -o "lowerdir=$T/ov/lower,upperdir=$T/ov/upper,workdir=$T/ov/work" overlay "$T/ov/b/rootfs"
mk "$(args sh -c 'rm -r /gone /away /opaque; mkdir /opaque; echo new >/opaque/new; n=0; while :; do n=$((n + 1)); echo $n >/tmp/count; sleep 0.05; done')"
cp "$B/config.json" "$T/ov/b/"
cd "$T/ov/b" || exit 1
detached run -d c6
eventually test -s "$T/ov/b/rootfs/tmp/count"
check 'a container on an overlay' detached checkpoint --compress none --rootfs-image localhost/base:1 --export "$A" c6
check 'its changes are in it' has "$(member rootfs-diff.tar | tar -t)" opaque/new
check 'what was not changed is not' fails grep -q etc/passwd <<<"$(member rootfs-diff.tar | tar -t)"
check 'without whiteouts' fails grep -q '\.wh\.' <<<"$(member rootfs-diff.tar | tar -t)"
check 'what it deleted is named' is '["/away","/gone"]' "$(member deleted.files | jq -c 'map(select(. != "/opaque/old")) | sort')"
check 'and what an opaque directory hides' has "$(member deleted.files)" /opaque/old
check 'the image is named' is localhost/base:1 "$(member config.dump | jq -r .rootfsImageName)"
umount "$T/ov/b/rootfs"
mkdir -p "$NEW-6/rootfs"
cp -a "$T/ov/lower/." "$NEW-6/rootfs"
# which the archive doesn't say, but the images do
chmod 555 "$NEW-6/rootfs"
check 'over a copy of the base' detached restore -d --import "$A" --bundle "$NEW-6" c6
check 'it counts on' counts_in "$NEW-6"
check 'with its new file' is new "$(cat "$NEW-6/rootfs/opaque/new")"
check 'without the old ones' fails ls -d "$NEW-6/rootfs/"{gone,away,opaque/old}
RD c6
check 'without the image it says so' refuses 'localhost/base:1' R restore -d --import "$A" --bundle "$T/from-image" c6
check 'and leaves nothing' fails ls "$T/from-image/config.json"
tar -C "$T/ov/lower" -c . | "$SKERRY" import - localhost/base:1 >"$T/out" 2>&1 || diag <"$T/out"
check 'over the layers of an image' detached restore -d --import "$A" --bundle "$T/from-image" c6
check 'it counts on there' counts_in "$T/from-image"
check 'without the old files there' fails ls -d "$T/from-image/rootfs/"{gone,away,opaque/old}
RD c6

# --- as an image ----------------------------------------------------------------------------
cd "$T" || exit 1
detached run -d --bundle "$B" c7
eventually test -s "$B/rootfs/tmp/count"
check 'checkpoint --create-image' detached checkpoint --leave-running --create-image localhost/saved:1 c7
image() { "$SKERRY" image "$@"; }
image save --output "$T/oci.tar" localhost/saved:1 >"$T/out" 2>&1
mkdir "$T/oci"
tar -xf "$T/oci.tar" -C "$T/oci"
manifest=$T/oci/blobs/sha256/$(jq -r '.manifests[0].digest' "$T/oci/index.json" | cut -d: -f2)
check "the manifest has podman's annotation" is c7 "$(jq -r '.annotations["io.podman.annotations.checkpoint.name"]' "$manifest")"
check "and the CRI's" is c7 "$(jq -r '.annotations["org.criu.checkpoint.container.name"]' "$manifest")"
layer=$T/oci/blobs/sha256/$(jq -r '.layers[0].digest' "$manifest" | cut -d: -f2)
check 'its layer is the archive' has "$(tar -tf "$layer")" checkpoint/inventory.img
rm -rf "$NEW"
RD c7
check 'which can be restored' detached restore -d --import "$layer" --bundle "$NEW" c7
check 'and runs' counts_in "$NEW"
RD c7
check 'nothing is left' is "$before" "$(inv)"
done_testing
