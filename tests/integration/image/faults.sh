#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# faults.sh - registries that break off, lie, limit and lead astray; pulls that are killed.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/registry-lib.sh"

layout_make || { echo 'Bail out! no image'; exit 1; }
id=$(jq -r .config.digest "$LAYOUT/blobs/sha256/$(jq -r '.manifests[0].digest' "$LAYOUT/index.json" | cut -d: -f2)")
LIAR=127.0.0.1:5002
python3 "$HERE/image/liar.py" "$LAYOUT" 5002 "$T/requests" 2>"$T/liar.err" &
liar=$!
eventually curl -so /dev/null "http://$LIAR/v2/"
fresh() {
	rm -rf --one-file-system "$STORE"
	: >"$T/requests"
}
pulls() { # pulls FAULT: the image comes in spite of it
	fresh
	prints "$id" I pull -q "$LIAR/$1/bb:1" && I fsck
}
spoils() { # spoils FAULT MESSAGE: it doesn't, it is said why, and nothing is left
	fresh
	refuses "$2" I pull -q "$LIAR/$1/bb:1" && prints '' I images -q && I fsck && I prune &&
		[ -z "$(ls "$STORE/layers")" ]
}

check 'a registry that behaves' pulls fine
check 'a connection that breaks: the rest is asked for' pulls cut
check 'by a Range header' grep -q '"range": "bytes=' "$T/requests"
check 'a registry that ignores Range: nothing is appended twice' pulls norange
check 'busy at first (503)' pulls busy
check 'slow down (429 with Retry-After)' pulls later
check 'a token is asked for' pulls token
check 'once' is 1 "$(grep -c '"/token' "$T/requests")"
check 'for this repository' grep -q 'scope=repository%3Atoken%2Fbb%3Apull' "$T/requests"
check 'a redirect to another host' pulls redirect
check 'credentials stay at home' eval 'fresh; I pull -q --creds u:p "$LIAR/redirect/bb:1" && ! grep /storage/ "$T/requests" | grep -v "\"authorization\": null"'
check 'warnings of the registry are shown' eval 'fresh; I pull --progress plain "$LIAR/warning/bb:1" 2>&1 | grep -q "will go away"'

check 'a foreign layer comes from where its URL says' pulls foreign
check 'and from nowhere else' eval 'grep -q "/storage/" "$T/requests" && ! grep "/v2/foreign.*$(jq -r "[.layers[]] | max_by(.size).digest" "$LAYOUT/blobs/sha256/$(jq -r ".manifests[0].digest" "$LAYOUT/index.json" | cut -d: -f2)")" "$T/requests"'
registry_start "validation: {manifests: {urls: {allow: ['^http://127']}}}"
check 'it is not pushed to another registry, which names the URL' eval 'I push -q "$LIAR/foreign/bb:1" "$REG/foreign:1" && skopeo inspect --raw --tls-verify=false "docker://$REG/foreign:1" | jq -e ".layers | max_by(.size).urls[0] | startswith(\"http\")"'
check 'unless that is wished' eval 'I push -q --foreign-layers "$LIAR/foreign/bb:1" "$REG/foreign:2" && skopeo copy -q --src-tls-verify=false "docker://$REG/foreign:2" "oci:$T/foreign:x"'
registry_stop
check 'the search of a registry that has one' eval 'I search --format json "$LIAR/found" | jq -e ".[0] | .name == \"some/found\" and .stars == 7 and .official"'
check 'a refusal with escapes in it' eval 'I pull -q "$LIAR/escapes/bb:1" 2>&1 | grep "not you" | cat -v | grep -vF "^["'
check 'as a table, and no escapes of theirs' eval 'I search "$LIAR/found" | tee "$T/found" | grep -q other/found && ! grep -q "$(printf "\033")" "$T/found"'
fresh
I pull -q "$LIAR/slow/bb:1" >"$T/one" 2>&1 &
one=$!
eventually grep -q blobs "$T/requests"
I pull -q "$LIAR/slow/bb:1" >"$T/two" 2>&1
wait $one
check 'two pulls of one image at once' eval 'is "$id" "$(cat "$T/one")" && is "$id" "$(cat "$T/two")"'
check 'bring each layer once' eval '[ -z "$(grep -o "/blobs/[^\"]*" "$T/requests" | grep -v "$id" | sort | uniq -d)" ]'
check 'a rate limit is explained, without waiting for a day' spoils limit 'limit 100, left 0'
check 'a layer with a wrong byte' spoils corrupt 'layer sha256:'
check 'a layer that is something else' spoils other 'layer sha256:'
check 'a layer that is longer than was said' spoils longer 'layer sha256:'
check 'a layer that is shorter than was said' spoils short 'layer sha256:'
check 'another part than asked for' spoils wrongrange 'another part'
TMO=60 check 'a connection that always breaks' spoils never 'layer sha256:'
check 'a redirect in circles' spoils loop redirect
check 'a manifest under another type' spoils badtype 'both an index and a manifest'
check 'a manifest of schema 1' spoils schema1 'schema 1'
check 'a key given twice' spoils duplicate duplicate
check 'index and manifest at once' spoils both 'both an index and a manifest'
check 'a digest that is a path' spoils traversal 'malformed digest'
check 'fewer layers than the config has' spoils fewer 'diff ids'
check 'a manifest of 5 MiB' fails I pull -q "$LIAR/huge/bb:1"
check 'a page to sign in' spoils text 'json text'

# --- killed and interrupted -----------------------------------------------------------------------
fresh
for delay in 0.02 0.05 0.1 0.2 0.4 0.6; do
	timeout -s KILL $delay "$IMAGE" pull -q "$LIAR/slow/bb:1" >/dev/null 2>&1
	I fsck >/dev/null || break
done
check 'killed at several moments: the store is sound' I fsck
check 'and shows no half image' eval '[ -z "$(I images -q)" ] || is "${id:7:12}" "$(I images -q)"'
check 'the next pull gets it' prints "$id" I pull -q "$LIAR/fine/bb:1"
fresh
for SKERRY_LAYERS in erofs directory; do
	export SKERRY_LAYERS
	fresh
	env --default-signal=INT "$IMAGE" pull -q "$LIAR/slow/bb:1" >/dev/null 2>&1 &
	pulling=$!
	eventually grep -q blobs "$T/requests"
	sleep 0.5 # some of the first large one comes
	safe_kill INT $pulling
	wait $pulling
	check "$SKERRY_LAYERS: after SIGINT there is no half image" prints '' I images -q
	: >"$T/requests"
	check "$SKERRY_LAYERS: and the next pull gets it" prints "$id" I pull -q "$LIAR/fine/bb:1"
	# directory layers begin anew
	[ $SKERRY_LAYERS = directory ] || check 'which goes on where that one was' grep -q '"range": "bytes=[1-9]' "$T/requests"
	check "$SKERRY_LAYERS: nothing is left in tmp/" eval '[ -z "$(ls -A "$STORE/tmp")" ]'
done
unset SKERRY_LAYERS
fresh
check 'on a terminal a bar for each layer: bytes, rate, time left' eval 'COLUMNS=100 script -qec "$IMAGE pull $LIAR/slow/bb:1" "$T/terminal" >/dev/null </dev/null; tr "\r" "\n" <"$T/terminal" | grep -aE "[0-9.]+ [kM]?B.*/s.*[0-9]+s"'
check 'which ends with each done' eval 'grep -aq "done" "$T/terminal"'
check 'piped it is plain lines' eval 'I rmi -a >/dev/null; I pull "$LIAR/fine/bb:1" 2>&1 >/dev/null | cat -v >"$T/plain"; grep -q "done" "$T/plain" && ! grep -F "^[" "$T/plain"'
check 'the store is sound' I fsck
check 'SIGINT ends with 130' status 130 timeout --preserve-status -s INT 0.2 "$IMAGE" --store "$T/other" pull -q "$LIAR/slow/bb:1"

# --- a full disk ----------------------------------------------------------------------------------
mkdir "$T/small" && mount -t tmpfs -o size=1m tmpfs "$T/small"
check 'a full disk is an error that says so' refuses 'No space left' I --store "$T/small/images" pull -q "$LIAR/fine/bb:1"
check 'and leaves a store that opens, without the image' prints '' I --store "$T/small/images" images -q
umount "$T/small"
safe_kill KILL $liar
done_testing
