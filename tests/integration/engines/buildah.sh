#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: vm
# buildah.sh - the steps of buildah's builds, as root and as a user, run by the runtime under test.
#
# The programs in single quotes are for the shell of a container.
# shellcheck disable=SC2016,SC2119,SC2317
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/integration/vm/guest.sh
. "$(dirname "$0")/../vm/guest.sh"

mkdir -p /etc/containers
printf '[containers]\nnetns = "none"\n' >/etc/containers/containers.conf
echo '{"default":[{"type":"insecureAcceptAnything"}]}' >/etc/containers/policy.json
tar -C "$T/rootfs" -cf "$T/image.tar" .
mkdir -p "$T/context"
echo data >"$T/context/f"

BUILDER=root
BB() {
	if [ $BUILDER = root ]; then
		timeout -k 5 120 buildah "$@"
	else
		as $BUILDER timeout -k 5 120 buildah "$@"
	fi
}

# X [OPTION...] COMMAND...: a step of the working container.
X() {
	BB run --runtime "$SKERRY" --isolation oci --network none "$@"
}

basics() {
	check "$1: a working container" eval 'BB from --name w scratch && BB add -q w "$T/image.tar" / && BB config --env PATH=/bin w'
	check "$1: run prints" prints hello X w echo hello
	check "$1: status 0" status 0 X w true
	check "$1: status 7" status 7 X w sh -c 'exit 7'
	check "$1: a missing program fails" fails X w nosuchprogram
	check "$1: and is named" refuses nosuchprogram X w nosuchprogram
	check "$1: what cannot be executed fails" refuses denied X w /etc/passwd
	check "$1: standard input" prints abc eval 'echo abc | X w cat'
	check "$1: environment and folder" prints "v /tmp" X --env K=v --workingdir /tmp w sh -c 'echo $K $(pwd)'
	check "$1: user" prints 1000 X --user 1000 w id -u
	check "$1: a volume" prints data X -v "$T/context:/v:ro" w cat /v/f
	check "$1: a read-only volume refuses writes" fails X -v "$T/context:/v:ro" w touch /v/g
	check "$1: host name" prints hh X --hostname hh w hostname
	check "$1: a terminal" shows /dev/pts/0 X -t w tty
	check "$1: the terminal's status" status 9 X -t w sh -c 'exit 9'
	check "$1: a capability less" isnt "$(X w awk '/CapEff/ { print $2 }' /proc/self/status)" \
		"$(X --cap-drop CAP_CHOWN w awk '/CapEff/ { print $2 }' /proc/self/status)"
	check "$1: what a step writes stays" eval 'X w sh -c "echo kept >/kept" && prints kept X w cat /kept'
	check "$1: a step with children" prints 55 X w sh -c 'for i in 1 2 3; do sleep 0 & done; wait; echo 55'
	check "$1: commit" BB commit -q w localhost/bb
	printf 'FROM localhost/bb\nARG A=1\nENV E=e\nWORKDIR /d\nCOPY f f2\nRUN cat f2 >f3 && echo $A$E >>f3\nRUN ["/bin/sh", "-c", "test $(pwd) = /d"]\nUSER 1000\nRUN id -u >/tmp/id\n' \
		>"$T/context/Containerfile"
	check "$1: build" BB build -q --runtime "$SKERRY" --isolation oci --network none -t localhost/built "$T/context"
	check "$1: from the result" BB from --name w2 localhost/built
	check "$1: with all that was made" prints "data 1e 1000" X w2 sh -c 'echo $(cat /d/f3 /tmp/id)'
	check "$1: build with two stages and layers" eval 'printf "FROM localhost/bb AS a\nRUN echo one >/one\nFROM localhost/bb\nCOPY --from=a /one /two\nRUN cat /two\n" >"$T/context/Containerfile" &&
		BB build -q --layers --runtime "$SKERRY" --isolation oci --network none -t localhost/staged "$T/context"'
	printf 'FROM localhost/bb\nRUN exit 6\n' >"$T/context/Containerfile"
	check "$1: a step that fails ends the build" fails BB build -q --runtime "$SKERRY" --isolation oci --network none "$T/context"
	check "$1: removal" BB rm w w2
}

basics root
check "root: the host's network" prints "$(readlink /proc/self/ns/net)" eval 'BB from -q --name w3 localhost/bb >/dev/null && BB run --runtime "$SKERRY" --isolation oci --network host w3 readlink /proc/self/ns/net'
check "root: limits" prints "67108864 50000 100000" eval 'printf "FROM localhost/bb\nRUN echo \$(cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max)\n" >"$T/context/Containerfile"
	BB build --runtime "$SKERRY" --isolation oci --network none --memory 64m --cpu-period 100000 --cpu-quota 50000 "$T/context" | grep "^[0-9]* [0-9]* "'
check "root: removal of that" BB rm -a

BUILDER=user
basics user

check "no process of a container is left" eval '! pgrep -x busybox'
done_testing
