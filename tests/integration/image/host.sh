#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# host.sh - the image called host: this machine's own root under a layer of the container's.
. "$(dirname "$0")/../lib.sh"

IMAGE=$BUILD/skerry-image
needs "no $IMAGE" test -x "$IMAGE"
STORE=$T/store
export SKERRY_STORE=$STORE HOME=$T/home XDG_RUNTIME_DIR=
mkdir -p "$HOME"
inside() { # inside [OPTION...] COMMAND
	R run "${@:1:$#-1}" --image host --entrypoint '' h1 sh -c "${*: -1}"
}
nothing_left() {
	[ -z "$(ls "$STORE/containers")" ] && ! grep -q "$STORE" /proc/self/mountinfo
}

check 'the image called host is this machine' prints "$(. /etc/os-release; echo "$ID")" inside '. /etc/os-release; echo $ID'
check 'its files can be changed' prints changed inside 'echo changed >/etc/skerry-was-here && rm /etc/passwd && cat /etc/skerry-was-here'
check 'and stay as they are' eval '[ ! -e /etc/skerry-was-here ] && [ -s /etc/passwd ]'
check 'one mount of the machine, not those below it' inside '! [ -e /proc/1/root/sys/fs/cgroup/none ] && [ -z "$(ls /dev/shm)" ]'
check '--read-only' fails inside --read-only 'touch /x'
check 'a volume' eval 'echo v >"$T/v" && prints v inside -v "$T/v:/etc/hostname" "cat /etc/hostname"'
check 'two at once' eval 'R run -d --image host h2 sleep 100 && prints hello inside "echo hello" && R delete --force h2'
check 'a container knows what it changed' eval 'R create --image host --entrypoint "" h3 -- sh -c "echo x >/etc/skerry-was-here; sleep 100" </dev/null >/dev/null && R start h3 && eventually R exec h3 test -e /etc/skerry-was-here && "$IMAGE" diff h3 | grep -x "A /etc/skerry-was-here" && R delete --force h3'
check 'nothing is left' eventually nothing_left
clean_or_fail
done_testing
