#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# push.sh - push: unchanged where the blobs are at hand, compressed anew where they aren't.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/registry-lib.sh"

layout_make || { echo 'Bail out! no image'; exit 1; }
registry_start
skopeo copy -q --dest-tls-verify=false "oci:$LAYOUT:bb" "docker://$REG/test/bb:1"
digest=$(skopeo inspect --tls-verify=false "docker://$REG/test/bb:1" | jq -r .Digest)
digest_of() {
	skopeo inspect --tls-verify=false "docker://$REG/$1" | jq -r .Digest
}

I pull -q "$REG/test/bb:1" >/dev/null
I tag "$REG/test/bb:1" "$REG/test/bb:2" "$REG/other/bb:1"
check 'push --digestfile' eval 'I push -q --digestfile "$T/digest" "$REG/test/bb:2" && is "$digest" "$(cat "$T/digest")"'
check 'a second tag in the same repository: nothing is sent again' prints "$digest" I push -q "$REG/test/bb:2"
check 'the registry has it under that tag' is "$digest" "$(digest_of test/bb:2)"
check 'another repository of the registry: layers are mounted' prints "$digest" I push -q "$REG/other/bb:1"
check 'the digest is the same' is "$digest" "$(digest_of other/bb:1)"

# a second registry, so that nothing can be mounted
first=$REGISTRY_PID first_reg=$REG
REG=127.0.0.1:5001
sed "s/5000/5001/; s,$T/registry,$T/registry2," "$T/registry.yml" >"$T/registry2.yml"
docker-registry serve "$T/registry2.yml" >/dev/null 2>&1 &
second=$!
eventually curl -so /dev/null "$REG/v2/"
check 'another registry: layers are fetched again' prints "$digest" I push -q "$first_reg/test/bb:1" "$REG/far/bb:1"
kill $first
wait $first 2>/dev/null
check 'the first registry is away: layers are compressed anew, and that is said' eval \
	'I push --progress plain "$first_reg/test/bb:1" "$REG/anew/bb:1" 2>&1 | grep -q "compressed anew"'
check 'the id stays the same' is "$(I inspect "$first_reg/test/bb:1" | jq -r '.[0].id')" \
	"$(skopeo inspect --raw --tls-verify=false "docker://$REG/anew/bb:1" | jq -r .config.digest)"
check 'skopeo pulls what was compressed anew' skopeo copy -q --src-tls-verify=false "docker://$REG/anew/bb:1" "oci:$T/back:bb"
if command -v podman >/dev/null; then
	check 'podman pulls it as well' podman --root "$T/podman" --runroot "$T/podman-run" --storage-driver vfs \
		pull -q --tls-verify=false "$REG/anew/bb:1"
else
	skip 'podman pulls it as well' 'no podman here'
fi
umoci unpack --image "$LAYOUT:bb" "$T/want" >/dev/null
umoci unpack --image "$T/back:bb" "$T/got" >/dev/null
tree "$T/want/rootfs" >"$T/want.tree"
tree "$T/got/rootfs" >"$T/got.tree"
check 'and its tree is the same' diff "$T/want.tree" "$T/got.tree"
check 'zstd' I push -q --compression zstd --force-compression "$first_reg/test/bb:1" "$REG/zstd/bb:1"
check 'its layers say so' eval 'skopeo inspect --raw --tls-verify=false "docker://$REG/zstd/bb:1" | jq -e ".layers[0].mediaType | endswith(\"+zstd\")"'
I rmi -a >/dev/null
check 'what was pushed with zstd can be pulled' I pull -q "$REG/zstd/bb:1"
check 'kept blobs' I pull -q --keep-blobs "$REG/far/bb:1"
kill $second
wait $second 2>/dev/null
rm -rf "$T/registry"
REG=127.0.0.1:5000 registry_start
check 'kept blobs are sent as they came' prints "$digest" I push -q 127.0.0.1:5001/far/bb:1 127.0.0.1:5000/kept/bb:1
registry_stop
check 'push --foreign-layers' fails I push -q --foreign-layers 127.0.0.1:5001/far/bb:1 127.0.0.1:5000/kept/bb:1
check 'nobody there: an error' refuses 127.0.0.1:5000 I push -q 127.0.0.1:5001/far/bb:1 127.0.0.1:5000/kept/bb:1
check 'an image that is not there: an error' refuses 'no such image' I push -q nosuch 127.0.0.1:5000/x
done_testing
