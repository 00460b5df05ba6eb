#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# platforms.sh - several platforms under one name: pull, find, keep, push with their index.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/registry-lib.sh"

layout_make && registry_start || { echo 'Bail out! no image, no registry'; exit 1; }
# two images of other configurations, and their index
umoci tag --image "$LAYOUT:bb" arm && umoci config --image "$LAYOUT:arm" --architecture arm64
for name in bb arm; do
	skopeo copy -q --dest-tls-verify=false "oci:$LAYOUT:$name" "docker://$REG/multi:$name"
done
entry() { # entry NAME ARCHITECTURE
	local digest
	curl -sH 'Accept: application/vnd.oci.image.manifest.v1+json' "$REG/v2/multi/manifests/$1" >"$T/m.$1"
	digest=sha256:$(sha256sum <"$T/m.$1" | cut -d' ' -f1)
	echo "{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"$digest\",\"size\":$(stat -c %s "$T/m.$1"),\"platform\":{\"os\":\"linux\",\"architecture\":\"$2\"}}"
}
put_index() { # put_index TAG ENTRY...
	printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[%s]}' \
		"$(IFS=,; echo "${*:2}")" >"$T/index"
	curl -sf -o /dev/null -X PUT -H 'Content-Type: application/vnd.oci.image.index.v1+json' --data-binary "@$T/index" \
		"$REG/v2/multi/manifests/$1"
}
host=$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')
other=arm64
[ "$host" = amd64 ] || other=amd64
check 'an index of two is in the registry' put_index both "$(entry bb "$host")" "$(entry arm "$other")"
index=sha256:$(sha256sum <"$T/index" | cut -d' ' -f1)
arch() { I inspect "$@" | jq -r '.[0].architecture'; }
id() { I inspect "$@" | jq -r '.[0].id'; }

check 'pull brings the one for this machine' eval 'I pull -q "$REG/multi:both" && is 1 "$(I images -q | wc -l)"'
one=$(id "$REG/multi:both")
check 'another is not here' refuses 'no image' I inspect --platform "linux/$other" "$REG/multi:both"
check 'run for another platform asks the registry for it' refuses 'pull' R run --pull missing --platform linux/s390x --image "$REG/multi:both" r1
check 'pull --all-platforms brings both' eval 'I pull -q --all-platforms "$REG/multi:both" && is 2 "$(I images -q | sort -u | wc -l)"'
check 'the name is that of this machine'"'"'s' prints "$one" id "$REG/multi:both"
check 'the other is found by --platform' isnt "$one" "$(id --platform "linux/$other" "$REG/multi:both")"
check 'prune keeps it' eval 'I prune && is 2 "$(I images -q | sort -u | wc -l)"'
check 'fsck is content' I fsck
check 'run --platform finds it here' prints hello R run --pull never --platform "linux/$other" --image "$REG/multi:both" r1

check 'push --all-platforms' prints "$index" I push -q --all-platforms "$REG/multi:both" "$REG/copy:1"
check 'the index is the same in the registry' eval 'curl -sH "Accept: application/vnd.oci.image.index.v1+json" "$REG/v2/copy/manifests/1" | cmp - "$T/index"'
check 'skopeo takes the other from there' eval 'skopeo copy -q --override-arch "$other" --src-tls-verify=false "docker://$REG/copy:1" "oci:$T/out:x"'
check 'and this machine'"'"'s' eval 'skopeo copy -q --src-tls-verify=false "docker://$REG/copy:1" "oci:$T/out:y"'
check 'layers that are compressed anew: an index of our own' \
	isnt "$index" "$(I push -q --force-compression --compression zstd --all-platforms "$REG/multi:both" "$REG/anew:1" 2>/dev/null)"
check 'which has both platforms' eval 'is "$(printf "%s\n" "$host" "$other" | sort)" "$(curl -sH "Accept: application/vnd.oci.image.index.v1+json" "$REG/v2/anew/manifests/1" | jq -r ".manifests[].platform.architecture" | sort)"'
check 'and is pulled' eval 'I --store "$T/again" pull -q --all-platforms "$REG/anew:1" && is "$one" "$(I --store "$T/again" inspect "$REG/anew:1" | jq -r ".[0].id")"'
check 'without an index it is an error' eval 'I load -q -i "$LAYOUT" --name plain; refuses "one platform" I push --all-platforms plain "$REG/x:1"'
check 'rmi, prune: all goes' eval 'I rmi -f "$REG/multi:both"; I prune -a && [ -z "$(I images -q)" ] && [ -z "$(ls "$STORE/layers")" ]'
registry_stop
rm -rf --one-file-system "$STORE" "$T/again"
clean_or_fail
done_testing
