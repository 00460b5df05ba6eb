#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: vm
# podman.sh - containers of podman, as root and as a user, run by the runtime under test.
#
# A command of podman takes seconds in the virtual machine: one container tells many facts.
# The programs in single quotes are for the shell of a container.
# shellcheck disable=SC2016,SC2034,SC2119,SC2317
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/integration/vm/guest.sh
. "$(dirname "$0")/../vm/guest.sh"

# The project's own drop-in makes the runtime known; the rest is for a machine without network.
mkdir -p /etc/containers/containers.conf.d /usr/local/bin
sed 's/^#\(runtime = \)/\1/' "$TOP/docs/engines/containers-skerry.conf" >/etc/containers/containers.conf.d/skerry.conf
# installed, as the drop-in has it
mkdir -p /usr/local/libexec/skerry
ln -sf "$SKERRY" /usr/local/bin/skerry
ln -sf "$(dirname "$SKERRY")/skerry-systemd" /usr/local/libexec/skerry/
cat >/etc/containers/containers.conf <<'CONF'
[containers]
netns = "none"
log_driver = "k8s-file"
[engine]
events_logger = "file"
CONF
echo '{"default":[{"type":"insecureAcceptAnything"}]}' >/etc/containers/policy.json

PODMAN_USER=root
P() {
	if [ $PODMAN_USER = root ]; then
		timeout -k 5 120 podman "$@"
	else
		as $PODMAN_USER timeout -k 5 120 podman "$@"
	fi
}

state() { # FIELD NAME
	P inspect --format "{{.State.$1}}" "$2"
}

# What one container with many options sees, a fact a line.
options=(-e K=v -w /tmp --hostname h -u 1000:1000 --cap-drop all --security-opt no-new-privileges --read-only
	--ulimit nofile=99:99 --sysctl kernel.msgmax=4096 --shm-size 16m --tmpfs /t -v "$T/vol:/v:ro"
	--memory 64m --memory-swap 192m --memory-reservation 32m --pids-limit 50 --cpus 0.5 --cpuset-cpus 0 --cpuset-mems 0)
program='echo env $K; echo folder $(pwd); echo host $(hostname); echo user $(id -u):$(id -g)
	awk "/^(CapEff|Seccomp|NoNewPrivs):/" /proc/self/status; ulimit -n | sed "s/^/files /"
	echo sysctl $(cat /proc/sys/kernel/msgmax); df -k /dev/shm | awk "NR == 2 { print \"shm\", \$2 }"
	echo tmpfs $(stat -f -c %T /t); echo volume $(cat /v/f)
	awk "\$2 == \"/\" || \$2 == \"/v\" { print \"mount\", \$2, substr(\$4, 1, 2) }" /proc/mounts; cd /sys/fs/cgroup
	echo limits $(cat memory.max memory.swap.max memory.low pids.max cpu.max cpuset.cpus cpuset.mems)'
mkdir -p "$T/vol"
echo data >"$T/vol/f"

facts() { # WHO
	local one
	check "$1: run with many options" eval 'P run --rm "${options[@]}" localhost/bb sh -c "$program" >"$T/facts.raw"'
	tr -s '\t ' ' ' <"$T/facts.raw" >"$T/facts"
	for one in "env v" "folder /tmp" "host h" "user 1000:1000" "CapEff: 0000000000000000" "Seccomp: 2" \
		"NoNewPrivs: 1" "files 99" "sysctl 4096" "shm 16384" "tmpfs tmpfs" "volume data" "mount /v ro" \
		"mount / ro" "limits 67108864 134217728 33554432 50 50000 100000 0 0"; do
		check "$1: $one" file_has "$T/facts" "$one"
	done
}

tar -C "$T/rootfs" -cf "$T/image.tar" .

basics() { # WHO
	check "$1: import an image" P import -q "$T/image.tar" localhost/bb
	facts "$1"
	check "$1: a terminal, and its status" shows /dev/pts/0 status 7 P run --rm -t localhost/bb sh -c 'tty; exit 7'
	check "$1: standard input" prints abc eval 'echo abc | P run -i --rm localhost/bb sh -c "cat; echo err >&2" 2>/dev/null'
	check "$1: 127 for a missing program, which is named" shows nosuchprogram status 127 P run --rm localhost/bb nosuchprogram
	check "$1: 126 for what cannot be executed" status 126 P run --rm localhost/bb /etc/passwd

	check "$1: run -d" P run -d --name c1 localhost/bb sh -c 'trap "echo got; exit 3" TERM; echo ready; while :; do sleep 0.1; done'
	check "$1: running, by this runtime" prints "running skerry" P inspect --format '{{.State.Status}} {{.OCIRuntime}}' c1
	check "$1: logs" within 10 shows ready P logs c1
	check "$1: exec as a user elsewhere, with input and status" prints "1000 /tmp v abc" \
		eval 'echo abc | status 5 P exec -i -u 1000 -w /tmp -e K=v c1 sh -c "echo \$(id -u) \$(pwd) \$K \$(cat); exit 5"'
	check "$1: exec with a terminal" shows /dev/pts/ P exec -t c1 tty
	check "$1: exec of a missing program" status 127 P exec c1 nosuchprogram
	check "$1: top" shows sleep P top c1
	check "$1: stats" shows c1 P stats --no-stream --format '{{.Name}} {{.PIDs}} {{.MemUsage}}' c1
	check "$1: update" P update --memory 96m --cpus 0.25 --cpuset-cpus 0 c1
	check "$1: the update is in force" shows "100663296 25000 100000 0" \
		P exec c1 sh -c 'cd /sys/fs/cgroup && echo $(cat memory.max cpu.max cpuset.cpus)'
	check "$1: pause" eval 'P pause c1 && prints paused state Status c1'
	check "$1: exec in a paused container fails" fails P exec c1 true
	check "$1: unpause" P unpause c1
	check "$1: stop" P stop -t 10 c1
	check "$1: the program handled it" shows got P logs c1
	check "$1: and gave its status" prints 3 state ExitCode c1
	check "$1: start again" P start c1
	check "$1: kill" eval 'P kill -s KILL c1 && prints 137 P wait c1'
	check "$1: rm -f of a running one" eval 'P start c1 && P rm -f -t 0 c1 && ! P container exists c1'
	check "$1: nothing is left" prints "" P ps -aq
}

basics root
check "root: managed without systemd" prints 41 P --cgroup-manager cgroupfs run --rm --pids-limit 41 localhost/bb cat /sys/fs/cgroup/pids.max
check "root: out of memory is a kill" status 137 P run --rm --memory 16m --memory-swap 16m localhost/bb \
	sh -c 'x=a; while :; do x=$x$x; done'
check "root: ids of its own" prints "0 100000 1000" P run --rm --uidmap 0:100000:1000 --gidmap 0:100000:1000 localhost/bb \
	sh -c 'read -r a b c </proc/self/uid_map; echo $a $b $c'
check "root: a device, its rate, the oom score" prints "b 500 254:0 rbps=1048576" P run --rm --device /dev/vda --device-read-bps /dev/vda:1mb \
	--oom-score-adj 500 localhost/bb sh -c 'head -c 1 /dev/vda >/dev/null && echo b $(cat /proc/self/oom_score_adj) $(cut -d" " -f1,2 /sys/fs/cgroup/io.max)'
check "root: privileged" prints b P run --rm --privileged localhost/bb sh -c 'test -b /dev/vda && mount -t tmpfs x /mnt && echo b'
check "root: build" eval 'printf "FROM localhost/bb\nRUN echo built >/built\nCMD cat /built\n" >"$T/Containerfile" &&
	P build -q --isolation oci --runtime "$SKERRY" -t localhost/built -f "$T/Containerfile" "$T/vol" && prints built P run --rm localhost/built'
check "root: systemd in a service of its own" systemd-run --wait --quiet -p Type=notify -p NotifyAccess=all \
	timeout 100 podman run --rm --sdnotify conmon --name s1 localhost/bb true

PODMAN_USER=user
basics user
check "user: its own ids, below the user's slice" shows "0 1000 1 0::/user.slice/user-1000.slice/user@1000.service/" \
	P run --rm --cgroupns host localhost/bb sh -c 'echo $(head -n 1 /proc/self/uid_map) $(cat /proc/self/cgroup)'
check "user: ids kept" prints 1000 P run --rm --userns keep-id localhost/bb id -u
check "user: network through slirp4netns" shows tap0 P run --rm --network slirp4netns localhost/bb ip -o link
check "user: without groups" prints hi P run --rm --cgroups disabled localhost/bb echo hi

check "no process of a container is left" eval '! pgrep -x busybox && ! pgrep -x conmon'
check "no group of a container is left" prints "" find /sys/fs/cgroup -type d -name "*libpod-*"
done_testing
