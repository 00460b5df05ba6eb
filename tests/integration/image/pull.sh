#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# pull.sh - pull: tags, digests, indexes, platforms, compressions, mirrors, credentials, TLS.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/registry-lib.sh"

layout_make || { echo 'Bail out! no image'; exit 1; }
registry_start
push() {
	skopeo copy -q --dest-tls-verify=false "$@"
}
push "oci:$LAYOUT:bb" "docker://$REG/test/bb:1"
push --format v2s2 "oci:$LAYOUT:bb" "docker://$REG/test/docker:1"
push --dest-compress-format zstd --dest-compress "oci:$LAYOUT:bb" "docker://$REG/test/zstd:1" 2>/dev/null ||
	push "oci:$LAYOUT:bb" "docker://$REG/test/zstd:1"

id=$(jq -r .config.digest "$LAYOUT/blobs/sha256/$(jq -r '.manifests[0].digest' "$LAYOUT/index.json" | cut -d: -f2)")

check 'pull prints the id of the image' prints "$id" I pull -q "$REG/test/bb:1"
check 'images lists it' shows "$REG/test/bb" I images
check 'images -q prints short ids' prints "${id:7:12}" I images -q
check 'pull again changes nothing' prints "$id" I pull -q "$REG/test/bb:1"
I rmi -f "$id" >/dev/null
check 'rmi leaves no layer' eval '[ -z "$(ls "$STORE/layers")" ]'
check 'schema 2 of docker is pulled' I pull -q "$REG/test/docker:1"
check 'its media type is kept' shows docker.distribution I inspect "$REG/test/docker:1"
check 'zstd layers are pulled' I pull -q "$REG/test/zstd:1"
I rmi -a >/dev/null
digest=$(skopeo inspect --tls-verify=false "docker://$REG/test/bb:1" | jq -r .Digest)
check 'an image is pulled by its digest' prints "$id" I pull -q "$REG/test/bb@$digest"
check 'and found by it' shows "$id" I inspect "$REG/test/bb@$digest"

# --- the same tree as the reference's -------------------------------------------------------------
umoci unpack --image "$LAYOUT:bb" "$T/reference" >/dev/null
# EROFS is not mounted from files of a tmpfs
DISK=$(mktemp -d /var/tmp/skerry-test.XXXXXX)
trap 'rm -rf --one-file-system "$DISK"' EXIT
for form in directory erofs; do
	export SKERRY_LAYERS=$form SKERRY_STORE=$DISK/$form
	if ! I pull -q "$REG/test/bb:1" >/dev/null 2>"$T/err"; then
		if [ $form = erofs ] && ! grep -qw erofs /proc/filesystems; then
			skip "the tree of $form layers is that of umoci" 'this kernel has no EROFS'
		else
			not_ok "pull with $form layers"
			diag <"$T/err"
		fi
		continue
	fi
	mkdir -p "$T/mnt"
	check "an image of $form layers can be mounted" I mount "$REG/test/bb:1" "$T/mnt"
	tree "$T/reference/rootfs" >"$T/want"
	tree "$T/mnt" >"$T/got"
	check "the tree of $form layers is that of umoci" diff "$T/want" "$T/got"
	check "the mount is read-only" fails touch "$T/mnt/x"
	check "unmount takes it away" I unmount "$T/mnt"
done
unset SKERRY_LAYERS
export SKERRY_STORE=$STORE

# --- indexes --------------------------------------------------------------------------------------
manifest=$LAYOUT/blobs/sha256/$(jq -r '.manifests[0].digest' "$LAYOUT/index.json" | cut -d: -f2)
put() { # put REPOSITORY TAG TYPE FILE
	curl -sf -X PUT -H "Content-Type: $3" --data-binary "@$4" "http://$REG/v2/$1/manifests/$2"
}
oci=application/vnd.oci.image
jq -cn --arg d "sha256:$(sha256sum <"$manifest" | cut -d' ' -f1)" --argjson s "$(stat -c %s "$manifest")" \
	--arg t "$oci.manifest.v1+json" '{schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json",
	manifests: [{mediaType: $t, digest: ("sha256:" + "0" * 64), size: 5, platform: {os: "linux", architecture: "s390x"}},
	{mediaType: $t, digest: ("sha256:" + "1" * 64), size: 5, platform: {os: "unknown", architecture: "unknown"},
	 annotations: {"vnd.docker.reference.type": "attestation-manifest"}},
	{mediaType: $t, digest: $d, size: $s, platform: {os: "linux", architecture: "amd64"}}]}' >"$T/index"
# the registry wants everything that an index names: only what is there is given to it
jq -c '.manifests |= map(select(.digest | test("sha256:[01]{64}") | not))' "$T/index" >"$T/index.one"
check 'an index can be put into the registry' put test/bb index "$oci.index.v1+json" "$T/index.one"
check 'pull takes the platform out of an index' prints "$id" I pull -q "$REG/test/bb:index" --platform linux/amd64
check 'a platform that is not there is named with those that are' refuses 'linux/amd64' \
	I pull -q --platform linux/riscv64 "$REG/test/bb:index"

# --- names ----------------------------------------------------------------------------------------
check 'a repository that is not there is an error' refuses 404 I pull -q "$REG/test/none:1"
check 'a tag that is not there is an error' refuses 404 I pull -q "$REG/test/bb:none"
check 'a name with capitals is refused' refuses 'capital letters' I pull -q "$REG/Test/bb"
cat >"$T/registries.conf" <<END
unqualified-search-registries = ["$REG/nowhere", "$REG/test"]
[aliases]
"alias" = "$REG/test/bb"
[[registry]]
prefix = "example.test/x"
location = "$REG/test"
insecure = true
[[registry]]
prefix = "mirrored.test"
location = "unreachable.invalid"
[[registry.mirror]]
location = "$REG/broken"
insecure = true
[[registry.mirror]]
location = "$REG/test"
insecure = true
[[registry]]
prefix = "blocked.test"
blocked = true
END
conf=(--registries-conf "$T/registries.conf")
check 'a short name is looked for in the search registries' prints "$id" I pull -q "${conf[@]}" bb:1
check 'a short name may be an alias' prints "$id" I pull -q "${conf[@]}" alias:1
check 'a prefix may lead to another location' prints "$id" I pull -q "${conf[@]}" example.test/x/bb:1
check 'the name is the one that was asked for' shows example.test/x/bb I images
check 'mirrors are tried in order' prints "$id" I pull -q "${conf[@]}" mirrored.test/bb:1
check 'a blocked registry is refused' refuses 'blocks' I pull -q "${conf[@]}" blocked.test/bb:1
check 'nothing listens: said at once' refuses 127.0.0.1:1 I pull -q 127.0.0.1:1/x

check 'tags lists the tags' prints $'1\nindex' eval 'I tags "$REG/test/bb" | sort'
check 'pull --parallel 1' I pull -q --parallel 1 "$REG/test/bb:1"
check 'search --format json' eval 'I search --format json "$REG/bb" | jq -e ".[0].name == \"test/bb\""'
check 'search --limit' prints 1 eval 'I search --limit 1 --format json "$REG/test" | jq length'
check 'search looks into the catalog' shows test/bb I search "$REG/bb"

# --- progress -------------------------------------------------------------------------------------
I rmi -a >/dev/null
check 'progress as JSON lines' eval 'I pull --progress json "$REG/test/bb:1" 2>&1 >/dev/null | jq -se "map(select(.state == \"done\")) | length >= 2" >/dev/null'
check 'pull of what is there says so' eval 'I pull --progress plain "$REG/test/bb:1" 2>&1 | grep -q exists'

# --- two at once: the work is done once -----------------------------------------------------------
I rmi -a >/dev/null
I pull -q "$REG/test/bb:1" >"$T/a" 2>&1 &
a=$!
I pull -q "$REG/test/bb:1" >"$T/b" 2>&1
wait $a
check 'two pulls of one image at once' eval 'is "$id" "$(cat "$T/a")" && is "$id" "$(cat "$T/b")"'
check 'the store is sound' I fsck

# --- credentials and TLS --------------------------------------------------------------------------
registry_stop
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
	-addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' -keyout "$T/key" -out "$T/ca.crt" 2>/dev/null
TLS="{certificate: $T/ca.crt, key: $T/key}" registry_start
mkdir -p "$T/certs"
cp "$T/ca.crt" "$T/certs/"
I rmi -a >/dev/null
check 'a certificate that nobody vouches for is refused' refuses certificate \
	I pull -q --tls-verify=true "$REG/test/bb:1"
check '--cert-dir vouches for it' prints "$id" I pull -q --tls-verify=true --cert-dir "$T/certs" "$REG/test/bb:1"
check '--tls-verify=false does without' prints "$id" I pull -q --tls-verify=false "$REG/test/bb:1"
registry_stop
if ! command -v htpasswd >/dev/null; then
	skip 'basic authentication' 'no htpasswd here (tests/setup installs it)'
else
	htpasswd -Bbn user secret >"$T/htpasswd" 2>/dev/null
	registry_start "auth: {htpasswd: {realm: test, path: $T/htpasswd}}"
	check 'without credentials the registry says no' refuses 401 I pull -q "$REG/test/bb:1"
	check 'wrong credentials are refused' refuses 401 I pull -q --creds user:wrong "$REG/test/bb:1"
	check '--creds' prints "$id" I pull -q --creds user:secret "$REG/test/bb:1"
	check 'login with a wrong password is refused' refuses 401 I login -u user -p wrong "$REG"
	check 'login keeps the credentials' eval 'echo secret | I login -u user --password-stdin "$REG"'
	check 'they are not for others to read' is 600 "$(stat -c %a "$HOME/.config/containers/auth.json")"
	check 'a pull finds them' prints "$id" I pull -q "$REG/test/bb:1"
	check 'skopeo finds them as well' skopeo inspect --tls-verify=false \
		--authfile "$HOME/.config/containers/auth.json" "docker://$REG/test/bb:1"
	check 'login --get-login' prints user I login --get-login "$REG"
	cp "$HOME/.config/containers/auth.json" "$T/all.json"
	echo secret | I login --authfile "$T/all.json" -u user --password-stdin "localhost:${REG##*:}" >/dev/null
	check 'logout --all' eval 'I logout --all --authfile "$T/all.json" && is 0 "$(jq ".auths | length" "$T/all.json")" && I logout -a --authfile "$T/all.json"'
	check 'of a registry and of all' refuses 'either' I logout --all "$REG"
	check 'then nobody is logged in' refuses 'not logged in' I login --get-login --authfile "$T/all.json" "$REG"
	check 'logout forgets them' I logout "$REG"
	check 'and the pull is refused again' refuses 401 I pull -q "$REG/test/bb:1"
	check 'a second logout is an error' refuses 'not logged in' I logout "$REG"
	mkdir -p "$T/bin"
	printf '#!/bin/sh\nread -r server\necho "{\\"ServerURL\\":\\"$server\\",\\"Username\\":\\"user\\",\\"Secret\\":\\"secret\\"}"\n' \
		>"$T/bin/docker-credential-test"
	chmod +x "$T/bin/docker-credential-test"
	echo "{\"credHelpers\":{\"$REG\":\"test\"}}" >"$T/auth.json"
	check 'a credential helper is asked' eval 'PATH=$T/bin:$PATH prints "$id" I pull -q --authfile "$T/auth.json" "$REG/test/bb:1"'
	# docker's own files
	mkdir -p "$T/docker"
	echo "{\"auths\":{\"$REG\":{\"auth\":\"$(printf user:secret | base64)\"}}}" >"$T/docker/config.json"
	check 'the file of docker' eval 'DOCKER_CONFIG=$T/docker prints "$id" I pull -q "$REG/test/bb:1"'
	echo '{"credsStore":"test"}' >"$T/docker/config.json"
	check 'and its store of credentials' eval 'PATH=$T/bin:$PATH DOCKER_CONFIG=$T/docker prints "$id" I pull -q "$REG/test/bb:1"'
	printf '#!/bin/sh\necho "credentials not found in native keychain"\nexit 1\n' >"$T/bin/docker-credential-test"
	check 'a store that has none is no error by itself' eval 'PATH=$T/bin:$PATH DOCKER_CONFIG=$T/docker refuses 401 I pull -q "$REG/test/bb:1"'
	check 'a search with credentials' eval 'I search --creds user:secret "$REG/bb" | grep test/bb'
	check 'tags with credentials' prints $'1\nindex' eval 'I tags --creds user:secret "$REG/test/bb" | sort'
	registry_stop
fi
# --- what is not encrypted only where it is named -------------------------------------------------
printf '[[registry]]\nlocation = "198.51.100.7:5000"\ninsecure = true\n' >"$T/insecure.conf"
sed "s/127.0.0.1:5000/198.51.100.7:5000/; /^auth/d" "$T/registry.yml" >"$T/elsewhere.yml"
elsewhere() { # elsewhere OPTION...: a pull in a network of its own, where that registry is
	# shellcheck disable=SC2016 # for that shell
	unshare -n bash -c 'ip link set lo up && ip addr add 198.51.100.7/32 dev lo
		docker-registry serve "$1" >/dev/null 2>&1 &
		for i in $(seq 100); do curl -so /dev/null 198.51.100.7:5000/v2/ && break; sleep 0.1; done
		shift; timeout 90 "$@"; rc=$?; kill $!; wait $! 2>/dev/null; exit $rc' - "$T/elsewhere.yml" \
		"$IMAGE" pull -q "$@" 198.51.100.7:5000/test/bb:1
}
check 'a registry elsewhere without TLS is not spoken to' fails elsewhere
check 'unless it is named as such' prints "$id" elsewhere --tls-verify=false
check 'or in registries.conf' prints "$id" elsewhere --registries-conf "$T/insecure.conf"
done_testing
