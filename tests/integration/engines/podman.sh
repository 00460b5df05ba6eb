#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: vm
# vm: --mem 3072
# podman.sh - containers of podman, as root, run by the runtime under test.
#
# The programs in single quotes are for the shell of a container.
# shellcheck disable=SC2016,SC2119,SC2317
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/integration/vm/guest.sh
. "$(dirname "$0")/../vm/guest.sh"
# shellcheck source=tests/integration/engines/podman-basics.sh
. "$(dirname "$0")/podman-basics.sh"

basics root

check "root: managed without systemd" prints 41 P --cgroup-manager cgroupfs run --rm --pids-limit 41 localhost/bb cat /sys/fs/cgroup/pids.max
# What needs root, or is worth one try only.
check "root: ids of its own" prints "0 100000 1000" P run --rm --uidmap 0:100000:1000 --gidmap 0:100000:1000 localhost/bb \
	sh -c 'read -r a b c </proc/self/uid_map; echo $a $b $c'
check "root: a device" prints "c 1 3" P run --rm --device /dev/null:/dev/other localhost/bb \
	sh -c 'stat -c "%F %t %T" /dev/other | sed "s/character special file/c/"'
check "root: a block device" prints b P run --rm --device /dev/vda localhost/bb sh -c 'test -b /dev/vda && head -c 1 /dev/vda >/dev/null && echo b'
check "root: no other device" fails P run --rm localhost/bb sh -c 'mknod /tmp/x b 254 0 && head -c 1 /tmp/x'
check "root: privileged" prints b P run --rm --privileged localhost/bb sh -c 'test -b /dev/vda && echo b'
check "root: a device's rate" shows "rbps=1048576" P run --rm --device-read-bps /dev/vda:1mb localhost/bb cat /sys/fs/cgroup/io.max
check "root: oom score" prints 500 P run --rm --oom-score-adj 500 localhost/bb cat /proc/self/oom_score_adj
check "root: run -d with a pid file" eval 'P run -d --name p1 --pidfile "$T/p1.pid" localhost/bb sleep 1000 && grep -qx "[0-9]*" "$T/p1.pid"'
check "root: the network of another" prints same P run --rm --network container:p1 localhost/bb \
	sh -c "[ \$(readlink /proc/self/ns/net) = $(readlink "/proc/$(cat "$T/p1.pid")/ns/net") ] && echo same"
check "root: the pids of another" shows "sleep 1000" P run --rm --pid container:p1 localhost/bb ps
check "root: rm -f" P rm -f -t 0 p1
check "root: a pod" eval 'P pod create --infra=false --name pod1 && P run -d --pod pod1 --name m1 localhost/bb sleep 1000 && P pod kill pod1 && P pod rm -f pod1'
check "root: build" eval 'printf "FROM localhost/bb\nRUN echo built >/built\nCMD cat /built\n" >"$T/Containerfile" && P build -q --isolation oci --runtime "$SKERRY" -t localhost/built -f "$T/Containerfile" "$T/vol"'
check "root: run what was built" prints built P run --rm localhost/built
check "root: systemd in a service of its own" eval 'systemd-run --wait --quiet -p Type=notify -p NotifyAccess=all timeout 100 podman run --rm --sdnotify conmon --name s1 localhost/bb true'
if "$SKERRY" checkpoint --help >/dev/null 2>&1 && [ "$KIND" != crun ]; then
	check "root: something to checkpoint" P run -d --name k1 localhost/bb sh -c 'i=0; while :; do i=$((i + 1)); echo $i >/tmp/i; sleep 0.1; done'
	sleep 2
	check "root: checkpoint" P container checkpoint -e "$T/k1.tar.gz" k1
	check "root: removed" P rm k1
	check "root: restore" P container restore -i "$T/k1.tar.gz"
	check "root: it went on" eval 'a=$(P exec k1 cat /tmp/i); sleep 1; [ "$a" -gt 5 ] && [ "$(P exec k1 cat /tmp/i)" -gt "$a" ]'
	check "root: and ends" P rm -f -t 0 k1
else
	skip "root: checkpoint and restore" "this $KIND cannot"
fi

check "no process of a container is left" eval '! pgrep -x busybox && ! pgrep -x conmon'
check "no group of a container is left" prints "" find /sys/fs/cgroup -type d -name "*libpod-*"
done_testing
