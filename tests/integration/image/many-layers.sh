#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# many-layers.sh - an image of more layers than overlay takes is run nevertheless.
. "$(dirname "$0")/../lib.sh"

IMAGE=$BUILD/skerry-image
needs "no $IMAGE" test -x "$IMAGE"
export SKERRY_STORE=$T/store HOME=$T/home XDG_RUNTIME_DIR=
mkdir -p "$HOME" "$T/root"
cp -a "$T/rootfs/." "$T/root/" && echo old >"$T/root/gone" && tar -C "$T/root" -cf "$T/root.tar" .
# the base, then layers that each add a file, replace one, and take that of ten before away
cat >"$T/layers.py" <<'PY'
import hashlib, io, json, sys, tarfile
base, count, out = open(sys.argv[1], "rb").read(), int(sys.argv[2]), tarfile.open(sys.argv[3], "w")
def put(name, data):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    out.addfile(info, io.BytesIO(data))
def blob(data):
    digest = hashlib.sha256(data).hexdigest()
    put("blobs/sha256/" + digest, data)
    return "sha256:" + digest
def layer(i):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as t:
        files = [("many/%d" % i, b"%d\n" % i), ("last", b"%d\n" % i)]
        if i >= 10:
            files.append(("many/.wh.%d" % (i - 10), b""))
        if i == 5:
            files.append((".wh.gone", b""))
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            t.addfile(info, io.BytesIO(data))
    return buffer.getvalue()
tars = [base] + [layer(i) for i in range(count)]
digests = [blob(t) for t in tars]
config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"Cmd": ["sh"]},
                     "rootfs": {"type": "layers", "diff_ids": digests}}).encode()
config_digest = blob(config)
manifest = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config_digest, "size": len(config)},
    "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": d, "size": len(t)}
               for d, t in zip(digests, tars)]}).encode()
digest = blob(manifest)
put("index.json", json.dumps({"schemaVersion": 2, "manifests": [{"mediaType":
    "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": len(manifest),
    "annotations": {"io.containerd.image.name": "docker.io/library/many:latest"}}]}).encode())
put("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
PY
python3 "$T/layers.py" "$T/root.tar" 520 "$T/many.tar"
check 'an image of 521 layers is loaded' timeout 60 "$IMAGE" load -q -i "$T/many.tar"
TMO=60
check 'and run' prints '519' R run --image many m1 cat /last
check 'what layers took away is not there' prints '510 511 512 513 514 515 516 517 518 519' R run --image many m1 sh -c 'ls /many | sort -n | paste -sd" "'
check 'nor what the base had' fails R run --image many m1 cat /gone
check 'prune takes what was made for them' eval '"$IMAGE" prune && is 521 "$(ls "$SKERRY_STORE/layers" | wc -l)"'
"$IMAGE" prune -a >/dev/null
clean_or_fail
done_testing
