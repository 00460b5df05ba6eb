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
check 'history' shows 'umoci' I history bb
check 'history --format json' eval 'I history --format json bb | jq -e "length >= 2"'
check 'history --no-trunc' shows 'umoci' I history --no-trunc bb
check 'another platform is looked for in an index only' I load -q --platform linux/s390x -i "$LAYOUT" --name other
check 'load --quiet prints nothing' prints '' I load --quiet -i "$LAYOUT"

# --- names ----------------------------------------------------------------------------------------
check 'tag' eval 'I tag bb my/name:1 another && shows my/name I images'
check 'a tag with a digest is refused' refuses digest I tag bb "x@$id"
check 'untag' eval 'I untag another && hides another I images'
check 'images --filter reference' eval 'for p in "my/name:1" "my/*" "na*" "localhost/bb" bb "*:latest"; do prints "${id:7:12}" I images -q --filter "reference=$p" || exit; done'
check 'which no name fits' prints '' I images -q --filter 'reference=nosuch*'
check 'images --filter dangling' eval 'prints "" I images -q --filter dangling=true && prints "${id:7:12}" I images -aq --filter dangling=false'
check 'a filter that there is not' refuses 'invalid value' I images --filter size=1
check 'untag of what is not there' refuses 'no such image' I untag another
check 'rmi of one of several names only takes the name' eval 'I rmi my/name:1 && shows "$id" I inspect bb'
I tag bb second
check 'rmi of an id with several names is refused' refuses 'names' I rmi "${id:7:12}"
check 'rmi --ignore' I rmi --ignore nosuch
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
check 'export --changes' eval 'I bundle --image bb c4 && echo x >"$STORE/containers/c4/merged/data/y" && is "data/ data/y" "$(I export --changes c4 | tar t | grep -v "^\./*$" | sed "s,^\./,," | xargs)"; I unbundle c4'
check 'export --output' eval 'I bundle --image bb c5 && I export --output "$T/c5.tar" c5 && tar tf "$T/c5.tar" | grep -q busybox; I unbundle c5'
done_testing
