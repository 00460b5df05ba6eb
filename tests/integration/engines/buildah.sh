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

build() { # OPTION...
	BB build -q --runtime "$SKERRY" --isolation oci --network none "$@" "$T/context"
}

basics() { # WHO
	check "$1: a working container" eval 'BB from --name w scratch && BB add -q w "$T/image.tar" / && BB config --env PATH=/bin w'
	check "$1: environment, folder, user, host name, volume, input" prints "v /tmp 1000 hh data ro abc" \
		eval 'echo abc | X --env K=v --workingdir /tmp --user 1000 --hostname hh -v "$T/context:/v:ro" w \
			sh -c "echo \$K \$(pwd) \$(id -u) \$(hostname) \$(cat /v/f) \$(awk \"\\\$2 == \\\"/v\\\" { print substr(\\\$4, 1, 2) }\" /proc/mounts) \$(cat)"'
	check "$1: a terminal, and its status" shows /dev/pts/0 status 9 X -t w sh -c 'tty; exit 9'
	check "$1: a missing program fails and is named" refuses nosuchprogram X w nosuchprogram
	check "$1: what cannot be executed fails" refuses denied X w /etc/passwd
	check "$1: a capability less" prints 00000000800405fa eval 'X --cap-drop CAP_CHOWN w awk "/CapEff/ { print \$2 }" /proc/self/status | tr -d "\r"'
	check "$1: what a step writes stays, children end" eval 'X w sh -c "for i in 1 2 3; do sleep 0 & done; wait; echo kept >/kept" && prints kept X w cat /kept'
	check "$1: commit" BB commit -q w localhost/bb
	printf 'FROM localhost/bb AS a\nRUN echo one >/one\nFROM localhost/bb\nARG A=1\nENV E=e\nWORKDIR /d\nCOPY --from=a /one /two\nCOPY f f2\nRUN cat f2 /two >f3 && echo $A$E >>f3\nUSER 1000\nRUN ["/bin/sh", "-c", "test $(pwd) = /d && id -u >/tmp/id"]\n' \
		>"$T/context/Containerfile"
	check "$1: build of two stages, with layers" build --layers -t localhost/built
	check "$1: the result has all that was made" prints "data one 1e 1000" \
		eval 'BB from --name w2 localhost/built >/dev/null && X w2 sh -c "echo \$(cat /d/f3 /tmp/id)"'
	printf 'FROM localhost/bb\nRUN exit 6\n' >"$T/context/Containerfile"
	check "$1: a step that fails ends the build" fails build
	check "$1: removal" BB rm w w2
}

basics root
printf 'FROM localhost/bb\nRUN echo $(cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max) $(readlink /proc/self/ns/net) >/limits\nRUN cat /limits >&2\n' >"$T/context/Containerfile"
check "root: limits, the host's network" shows "67108864 50000 100000 $(readlink /proc/self/ns/net)" BB build --runtime "$SKERRY" --isolation oci --network host \
	--memory 64m --cpu-period 100000 --cpu-quota 50000 "$T/context"

BUILDER=user
basics user

check "no process of a container is left" eval '! pgrep -x busybox'
done_testing
