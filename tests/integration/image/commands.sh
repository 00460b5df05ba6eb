#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# commands.sh - the commands about images that need no registry; limits in the bundle.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/registry-lib.sh"

layout_make || { echo 'Bail out! no image'; exit 1; }
I load -q -i "$LAYOUT"
id=$(jq -r .config.digest "$LAYOUT/blobs/sha256/$(jq -r '.manifests[0].digest' "$LAYOUT/index.json" | cut -d: -f2)")

# --- looking --------------------------------------------------------------------------------------
check 'skerry starts skerry-image' shows localhost/bb R images
check 'skerry help of its commands' shows 'get images from a registry' R help pull
check 'skerry image ls' shows localhost/bb R image ls
check 'skerry image --version' shows "$("$SKERRY" --version | awk 'NR == 1 { print $3 }')" I --version
check 'images --format json' prints "$id" eval 'I images --format json | jq -r ".[0].id"'
check 'images --no-trunc' shows "$id" I images --no-trunc
check 'images --digests' shows "$(jq -r '.manifests[0].digest' "$LAYOUT/index.json")" I images --digests
check 'images of a name' prints "${id:7:12}" I images -q bb
check 'inspect shows the configuration' prints b eval 'I inspect bb | jq -r ".[0].config.Env[] | select(startswith(\"A=\")) | ltrimstr(\"A=\")"'
check 'inspect --format json' eval 'I inspect --format json bb | jq -e ".[0].names == [\"localhost/bb:latest\"]"'
check 'inspect --config prints the bytes that the id is of' is "${id#*:}" "$(I inspect --config bb | sha256sum | cut -d' ' -f1)"
check 'inspect --manifest as well' is "$(jq -r '.manifests[0].digest' "$LAYOUT/index.json")" "sha256:$(I inspect --manifest bb | sha256sum | cut -d' ' -f1)"
check 'inspect by the id' shows "$id" I inspect "${id:7:12}"
check 'inspect by the whole id' shows "$id" I inspect "$id"
check 'inspect --type image' shows "$id" I inspect --type image bb
check 'inspect --type all' shows "$id" I inspect -t all -s bb
check 'inspect --type of what else' refuses 'invalid value "pod" for --type' I inspect --type pod bb
check 'inspect shows what there is' eval 'I inspect nosuch bb none >"$T/out" 2>"$T/err"; [ $? = 1 ] && is "$id" "$(jq -r ".[].id" "$T/out")" && grep -q nosuch "$T/err" && grep -q none "$T/err"'
check 'or that there is nothing' is '[]' "$(I inspect nosuch 2>/dev/null)"
I bundle --image bb seen >/dev/null
check 'a container is inspected' is seen "$(I inspect seen | jq -r '.[0].id')"
check 'inspect --type container' is seen "$(I inspect --type container seen | jq -r '.[0].id')"
check 'which is no image' refuses 'no such image' I inspect --type image seen
check 'nor is an image a container' refuses 'bb' I inspect --type container bb
check 'image inspect is of images' refuses 'no such image' I image inspect seen
check 'and shows them' shows "$id" I image inspect bb
I unbundle seen
check 'history' shows 'umoci' I history bb
check 'history --format json' eval 'I history --format json bb | jq -e "length >= 2"'
check 'history --no-trunc' shows 'umoci' I history --no-trunc bb
check 'history -q' prints "${id:7:12}" eval 'I history -q bb | head -n 1'
check 'of a step that is no image here nothing is known' prints '<missing>' eval 'I history -q bb | tail -n 1'
check 'history -q --no-trunc' prints "${id:7}" eval 'I history --quiet --no-trunc bb | head -n 1'
check 'history -H' is "$(I history bb)" "$(I history -H bb)"
check 'history --human=false has bytes and times' eval 'I history --human=false bb | grep -qE "T[0-9:.]+Z .* [0-9]{5,} "'
check 'image exists' prints '' I exists bb
check 'by its id' prints '' I image exists "${id:7:12}"
check 'or it does not' eval 'status 1 I image exists nosuch && prints "" I image exists nosuch || [ $? = 1 ]'
check 'or nobody can tell' status 125 I image exists '@@'
check 'another platform is looked for in an index only' I load -q --platform linux/s390x -i "$LAYOUT" --name other
check 'load --quiet prints nothing' prints '' I load --quiet -i "$LAYOUT"

# --- names ----------------------------------------------------------------------------------------
check 'tag' eval 'I tag bb my/name:1 another && shows my/name I images'
check 'a tag with a digest is refused' refuses digest I tag bb "x@$id"
check 'untag' eval 'I untag another && hides another I images'
chosen() { # chosen ID|'' FILTER...: that is what they leave
	local want=$1 filters=()
	shift
	while [ $# -gt 0 ]; do filters+=(-f "$1"); shift; done
	prints "$want" I images -q "${filters[@]}"
}
bb=${id:7:12}
check 'images --filter reference' eval 'for p in "my/name:1" "my/*" "na*" "localhost/bb" bb "*:latest" "*b:l*" "*e:1" "$bb"; do chosen "$bb" "reference=$p" || exit; done'
check 'which no name fits' eval 'for p in "nosuch*" "loc*" "*:1*/"; do chosen "" "reference=$p" || exit; done'
check 'of several any has to fit' chosen "$bb" reference=nosuch reference=bb
check 'reference!=' chosen '' 'reference!=bb'
check 'images of a name have any tag' prints "$bb" I images -q my/name
check 'that no image has' eval 'prints "" I images -q nosuch && is 1 "$(I images nosuch | wc -l)"'
check 'images --filter dangling' eval 'chosen "" dangling=true && chosen "$bb" dangling=false && chosen "$bb" dangling=0 && chosen "" "dangling!=0"'
check 'images --filter label' eval 'chosen "$bb" label=k && chosen "$bb" label=k=v && chosen "" label=k=w && chosen "" label=q'
check 'of labels each has to be there' chosen '' label=k label=q
check 'label!=' eval 'chosen "" label!=k && chosen "$bb" label!=k=w label!=q label=k'
check 'images --filter id' eval 'chosen "$bb" "id=${id:7:5}" && chosen "$bb" "id=${id:0:20}" && chosen "" id=zz'
check 'images --filter until' eval 'chosen "" until=1h && chosen "$bb" until=0s && chosen "" until=2001-02-03 && chosen "$bb" until=2100-01-01T00:00:00Z && chosen "" until=100000'
check 'images --filter containers' eval 'chosen "" containers=true && chosen "$bb" containers=false'
check 'filters for what no image is here' eval 'chosen "" readonly=true && chosen "$bb" intermediate=false'
check 'a filter that there is not' refuses 'invalid value' I images --filter size=1
check 'a filter without a value' refuses 'invalid value' I images -f dangling
check 'true or false' refuses 'true or false' I images -f dangling=maybe
check 'a time that is none' refuses 'an age' I images -f until=soon
check 'images -n' eval 'is "$(I images | tail -n +2)" "$(I images -n)" && hides REPOSITORY I images --noheading'
check 'untag of what is not there' refuses 'no such image' I untag another
check 'rmi of one of several names only takes the name' eval 'I rmi my/name:1 && shows "$id" I inspect bb'
I tag bb second
check 'rmi of an id with several names is refused' refuses 'names' I rmi "${id:7:12}"
check 'rmi --ignore' I rmi --ignore nosuch
# --- several images -------------------------------------------------------------------------------
# at SECONDS FILE NAME: an image with one file, made then
at() { mkdir -p "$T/at" && echo "$3" >"$T/at/$2" && tar -C "$T/at" -cf - "$2" | SOURCE_DATE_EPOCH=$1 I import - "$3" >/dev/null; }
at 1000000000 old old:9 && at 1100000000 middle middle:8
check 'images are sorted by age' is 'localhost/bb middle old' "$(I images -n -f dangling=false | awk '$1 !~ /second|other/ { sub("docker.io/library/", "", $1); print $1 }' | xargs)"
check 'images --sort' eval 'is "7 8 9" "$(I tag bb zz:7; I images -n --sort tag | awk "\$2 ~ /^[0-9]\$/ { print \$2 }" | xargs)" && I untag zz:7'
check '--sort repository' eval 'is "$(I images -n | awk "{ print \$1 }" | LC_ALL=C sort)" "$(I images -n --sort repository | awk "{ print \$1 }")"'
check '--sort id' eval 'is "$(I images -n | awk "{ print \$3 }" | LC_ALL=C sort)" "$(I images -n --sort id | awk "{ print \$3 }")"'
check '--sort size' eval 'I images -n --sort size | tail -n 1 | grep -q "$bb"'
check 'no other' refuses 'invalid value' I images --sort colour
check 'before, since' eval 'is middle:8 "$(I images -n -f since=old:9 -f before=bb | awk "{ sub(\"docker.io/library/\", \"\", \$1); print \$1 \":\" \$2 }")" && prints "" I images -q -f before=old:9'
check 'of an image that is not there' refuses 'no such image' I images -f since=nosuch
check 'prune --filter' eval 'I prune -af --filter until=2002-01-01 | grep -q "removed 1 images" && status 1 I exists old:9 && I exists middle:8'
check 'prune --filter label' eval 'I prune -a --filter label=nosuch && I exists middle:8 && I prune --all --filter label!=k && status 1 I exists middle:8 && I exists bb'
check 'prune --filter dangling=false is --all' eval 'shows "would remove 1 images" I prune --dry-run --filter dangling=false && shows "would remove 0 images" I prune --dry-run -a --filter dangling=true'
check 'prune of a filter that there is not' refuses 'invalid value' I prune -a --filter size=1
# a step of the history that is an image of the store
I bundle --image bb step >/dev/null && echo x >"$STORE/containers/step/merged/data/x"
check 'the base of an image has its id in the history' eval 'I commit step stepped && I history -q stepped | sed -n 2p | grep -qx "$bb"'
check 'as JSON too' eval 'is "$id" "$(I history --format json stepped | jq -r ".[1].id")"'
I unbundle step
layer=$(I inspect stepped | jq -r '.[0].layers[-1].diffId')
stored() { [ -n "$(find "$STORE/layers" -maxdepth 1 -name "${layer#*:}*")" ]; }
check 'rmi --no-prune leaves the layer' eval 'I rmi --no-prune stepped && stored'
check 'rmi takes it' eval 'I tag bb stepped && I rmi stepped && ! stored'
check 'rmi of what is not there' refuses 'no such image' I rmi nosuch

# --- rmi, prune, df -------------------------------------------------------------------------------
check 'a container keeps its image' eval 'I bundle --image bb c1 && refuses "" I rmi --force "$id"'
I unbundle c1
check 'rmi --force takes all names' I rmi --force "$id"
check 'nothing is left of it' prints '' find "$STORE/layers" "$STORE/images" "$STORE/refs" -mindepth 1
I load -q -i "$LAYOUT"
I untag bb
check 'prune --dry-run only tells' eval 'shows "would remove 1 images" I prune --dry-run && prints "${id:7:12}" I images -q'
check 'images --filter dangling=true shows it' prints "${id:7:12}" I images -q --filter dangling=true
check 'prune takes what has no name' eval 'shows "removed 1 images" I prune -f && prints "" I images -q'
I load -q -i "$LAYOUT"
check 'prune --all takes what no container uses' eval 'I prune --all && prints "" I images -q'
I load -q -i "$LAYOUT"
check 'image df' shows layers I df
check 'rmi --all' eval 'I rmi --all && prints "" I images -q'
check 'image fsck finds a changed layer, and takes it out' eval 'I load -q -i "$LAYOUT"; f=$(find "$STORE/layers" -type f -size +10k | head -n 1); printf x | dd of="$f" bs=1 seek=9000 conv=notrunc 2>/dev/null; status 1 I fsck && status 1 I fsck --repair && I fsck | grep missing'
I rmi -a >/dev/null
I load -q -i "$LAYOUT"

# --- where images are kept ------------------------------------------------------------------------
check '--store' eval 'I --store "$T/elsewhere" load -q -i "$LAYOUT" && test -d "$T/elsewhere/layers"'
check '--layers directory' eval 'I --store "$T/dirs" --layers directory load -q -i "$LAYOUT" && [ -n "$(find "$T/dirs/layers" -mindepth 1 -type d)" ]'
check '--layers takes no other word' refuses 'invalid value' I --layers zip images

# --- what goes into the bundle --------------------------------------------------------------------
bundled() { # bundled JQ-FILTER OPTION...: config.json of a bundle made with the options
	local filter=$1 rc
	shift
	I bundle --image bb "$@" c2 >"$T/bundle.out" || { cat "$T/bundle.out"; return 1; }
	jq -e "$filter" "$STORE/containers/c2/config.json"
	rc=$?
	I unbundle c2
	return $rc
}
check '--memory' bundled '.linux.resources.memory.limit == 67108864' --memory 64m
check '--memory-swap' bundled '.linux.resources.memory.swap == -1' -m 64m --memory-swap -1
check '--cpus' bundled '.linux.resources.cpu | .quota == 150000 and .period == 100000' --cpus 1.5
check '--cpus of nothing is refused' refuses 'invalid value' bundled . --cpus 0
check '--cpu-shares' bundled '.linux.resources.cpu.shares == 512' --cpu-shares 512
check '--cpuset-cpus' bundled '.linux.resources.cpu.cpus == "0-1"' --cpuset-cpus 0-1
check '--pids' bundled '.linux.resources.pids.limit == 99' --pids 99
check '--tty' bundled '.process.terminal and (.process.env | index("TERM=xterm"))' --tty
check '--privileged' bundled '(.linux.seccomp == null) and (.linux.maskedPaths == []) and .linux.resources.devices[0].allow' --privileged
check '--stop-signal' bundled '.annotations["org.opencontainers.image.stopSignal"] == "SIGINT"' --stop-signal SIGINT
check 'the stop signal of the image' bundled '.annotations["org.opencontainers.image.stopSignal"] == "SIGUSR1"'
check 'exposed ports' bundled '.annotations["org.opencontainers.image.exposedPorts"] == "80/tcp"'
check 'a stop signal that is none' refuses 'stop signal' bundled . --stop-signal NOSUCH
check 'a size that is none' refuses 'invalid value' bundled . --memory much
check '--platform is for what has to be pulled' bundled . --platform linux/amd64
check '--rm' bundled . --rm
check 'nothing is left' eval '[ -z "$(ls "$STORE/containers")" ] && ! grep -q "$STORE" /proc/self/mountinfo'
check 'import --message' eval 'tar -C "$T/image-rootfs" -cf - . | I import -m "a remark" - imported && shows "a remark" I history imported'
check 'commit --author' eval 'I bundle --image bb c3 && echo x >"$STORE/containers/c3/merged/data/x" && I commit --author Me c3 mine && I unbundle c3 && shows Me I inspect mine'
# changed NAME FILTER: --change did it
changed() { I inspect "$1" | jq -e ".[0].config | $2" >/dev/null || { I inspect "$1" | jq -c '.[0].config'; return 1; }; }
I bundle --image bb c6 >/dev/null
check 'commit --change' eval 'I commit -c "CMD [\"/bin/true\", \"x y\"]" -c "ENV A=1 B=\"two words\"" --change "ENV A=2" -c "EXPOSE 80 53/udp" \
	--change "LABEL who=me" -c "ONBUILD RUN true" -c "STOPSIGNAL SIGINT" -c "USER 7:8" -c "VOLUME /v" -c "WORKDIR /w" -c "WORKDIR x" c6 other'
check 'CMD' changed other '.Cmd == ["/bin/true", "x y"]'
check 'ENV, the last one holds' changed other '(.Env | index("A=2")) and (.Env | index("A=1") | not) and (.Env | index("B=two words"))'
check 'EXPOSE' changed other '.ExposedPorts | has("80/tcp") and has("53/udp")'
check 'LABEL' changed other '.Labels.who == "me"'
check 'ONBUILD' changed other '.OnBuild == ["RUN true"]'
check 'STOPSIGNAL' changed other '.StopSignal == "SIGINT"'
check 'USER' changed other '.User == "7:8"'
check 'VOLUME' changed other '.Volumes | has("/v")'
check 'WORKDIR, one in another' changed other '.WorkingDir == "/w/x"'
check 'ENTRYPOINT takes the command of the base away' eval 'I commit -c "ENTRYPOINT [\"/bin/echo\"]" c6 entry && changed entry "(.Entrypoint == [\"/bin/echo\"]) and .Cmd == null"'
check 'but not one that came before it' eval 'I commit -c "CMD a" -c "ENTRYPOINT [\"/bin/echo\"]" c6 entry && changed entry ".Cmd == [\"/bin/sh\", \"-c\", \"a\"]"'
check 'as podman writes it' eval 'I commit -c ENV=A=3 -c CMD=/bin/false c6 entry && changed entry "(.Cmd[2] == \"/bin/false\") and (.Env | index(\"A=3\"))"'
check 'no RUN' refuses '--change takes no RUN' I commit -c 'RUN true' c6
check 'no such instruction' refuses 'NONSENSE' I commit -c 'NONSENSE x' c6
check 'no value' refuses 'a value is missing' I commit -c 'ENV A' c6
check 'import --change' eval 'tar -C "$T/image-rootfs" -cf - . | I import -c "CMD [\"/bin/sh\"]" --change "ENV PATH=/bin" - imported2 && changed imported2 "(.Cmd == [\"/bin/sh\"]) and .Env == [\"PATH=/bin\"]"'
I unbundle c6
I bundle --image bb c7 >/dev/null && merged=$STORE/containers/c7/merged
echo x >"$merged/data/new" && echo y >"$merged/data/file" && rm "$merged/data/link"
check 'diff --format json' is '{"added":["/data/new","/vol"],"changed":["/data","/data/file"],"deleted":["/data/link"]}' "$(I diff --format json c7 | jq -cS .)"
check 'diff in another format' refuses 'lines or json' I diff --format xml c7
check 'commit --iidfile' eval 'I commit -q --iidfile "$T/iid" c7 >"$T/out" && is "$(cat "$T/out")" "$(cat "$T/iid")" && is 71 "$(stat -c %s "$T/iid")"'
check 'where nothing can be written' refuses 'write "/proc/no/iid"' I commit --iidfile /proc/no/iid c7
check 'cp to standard output is a tar' eval 'I cp c7:/data - | tar t | grep -qx data/new && I cp c7:/data/. - | tar x -O new | grep -qx x && I cp c7:/data/new - | tar t | grep -qx new'
check 'of what is not there' refuses 'No such file' I cp c7:/nosuch -
check 'cp from standard input is one' eval 'mkdir -p "$T/in/sub" && echo z >"$T/in/sub/z" && chown 7:8 "$T/in/sub/z" && tar -C "$T/in" -cf - sub | I cp - c7:/data && is "z 7 8" "$(cat "$merged/data/sub/z") $(stat -c "%u %g" "$merged/data/sub/z")"'
check 'compressed too' eval 'rm -r "$merged/data/sub" && tar -C "$T/in" -czf - sub | I cp - c7:/data && is z "$(cat "$merged/data/sub/z")"'
check 'into a directory that is not there' eval 'refuses "No such file" I cp - c7:/nosuch </dev/null'
check 'what is no tar' eval 'fails I cp - c7:/data <"$T/iid"'
check 'no layer of it stays' eval 'before=$(ls "$STORE/layers") && tar -C "$T/in" -cf - . | I cp - c7:/data && is "$before" "$(ls "$STORE/layers")"'
I unbundle c7
check 'export --changes' eval 'I bundle --image bb c4 && echo x >"$STORE/containers/c4/merged/data/y" && is "data/ data/y" "$(I export --changes c4 | tar t | grep -v "^\./*$" | sed "s,^\./,," | xargs)"; I unbundle c4'
check 'export --output' eval 'I bundle --image bb c5 && I export --output "$T/c5.tar" c5 && tar tf "$T/c5.tar" | grep -q busybox; I unbundle c5'
done_testing
