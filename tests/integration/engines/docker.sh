#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: vm
# docker.sh - containers of dockerd with the runtime under test as one of its runtimes.
#
# The programs in single quotes are for the shell of a container.
# shellcheck disable=SC2016,SC2034,SC2119,SC2317
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/integration/vm/guest.sh
. "$(dirname "$0")/../vm/guest.sh"

D() {
	timeout -k 5 120 docker "$@"
}

state() { # FIELD NAME
	D inspect --format "{{.State.$1}}" "$2"
}

in_terminal() { # COMMAND...: with a terminal of its own
	script -qefc "$(printf '%q ' "$@")" /dev/null
}

# The project's own drop-in, with skerry where it says.
start_docker() { # MANAGER
	mkdir -p /etc/docker /usr/local/bin /usr/local/libexec/skerry
	ln -sf "$SKERRY" /usr/local/bin/skerry
	ln -sf "$(dirname "$SKERRY")/skerry-systemd" /usr/local/libexec/skerry/
	jq --arg m "native.cgroupdriver=$1" '. + {"default-runtime": "skerry", "exec-opts": [$m]}' \
		"$TOP/docs/engines/daemon.json" >/etc/docker/daemon.json
	systemctl restart docker && within 60 docker version
}

check "dockerd starts" start_docker systemd
check "it knows the runtime" prints skerry D info --format '{{.DefaultRuntime}}'
check "load an image" eval '"$(dirname "$0")/image" "$T/rootfs" bb:1 "$T/image.tar" && D load -q -i "$T/image.tar"'

mkdir -p "$T/vol"
echo data >"$T/vol/f"
N=(--network none)
options=("${N[@]}" -e K=v -w /tmp --hostname h -u 1000:1000 --cap-drop ALL --security-opt no-new-privileges --read-only
	--ulimit nofile=99:99 --sysctl kernel.msgmax=4096 --oom-score-adj 500 --init --tmpfs /t -v "$T/vol:/v:ro"
	--memory 64m --memory-swap 128m --pids-limit 50 --cpus 0.5 --cpuset-cpus 0)
program='echo env $K; echo folder $(pwd); echo host $(hostname); echo user $(id -u):$(id -g)
	awk "/^(CapEff|Seccomp|NoNewPrivs):/" /proc/self/status; ulimit -n | sed "s/^/files /"
	echo sysctl $(cat /proc/sys/kernel/msgmax); echo oom $(cat /proc/self/oom_score_adj); echo init $(cat /proc/1/comm)
	echo tmpfs $(stat -f -c %T /t); echo volume $(cat /v/f); echo profile $(cat /proc/self/attr/current)
	awk "\$2 == \"/\" || \$2 == \"/v\" { print \"mount\", \$2, substr(\$4, 1, 2) }" /proc/mounts; cd /sys/fs/cgroup
	echo limits $(cat memory.max memory.swap.max pids.max cpu.max cpuset.cpus)'
check "run with many options" eval 'D run --rm "${options[@]}" bb:1 sh -c "$program" >"$T/facts.raw"'
tr -s '\t ' ' ' <"$T/facts.raw" >"$T/facts"
for one in "env v" "folder /tmp" "host h" "user 1000:1000" "CapEff: 0000000000000000" "Seccomp: 2" "NoNewPrivs: 1" \
	"files 99" "sysctl 4096" "oom 500" "init docker-init" "tmpfs tmpfs" "volume data" "profile docker-default (enforce)" \
	"mount /v ro" "mount / ro" "limits 67108864 67108864 50 50000 100000 0"; do
	check "$one" file_has "$T/facts" "$one"
done
check "a terminal, and its status" shows /dev/pts/0 status 9 in_terminal docker run -it --rm "${N[@]}" bb:1 sh -c 'tty; exit 9'
check "standard input" prints abc eval 'echo abc | D run -i --rm "${N[@]}" bb:1 sh -c "cat; echo err >&2" 2>/dev/null'
except crun "docker does not know its words" check "126 for what cannot be executed" status 126 D run --rm "${N[@]}" bb:1 /etc/passwd
except crun "docker does not know its words" check "127 for a missing program, which is named" shows nosuchprogram status 127 D run --rm "${N[@]}" bb:1 nosuchprogram
check "privileged, a device" prints ok D run --rm "${N[@]}" --privileged bb:1 sh -c 'head -c 1 /dev/vda >/dev/null && mount -t tmpfs x /mnt && echo ok'
check "the bridge network, a device's rate" shows "rbps=1048576 172.17." D run --rm --device-read-bps /dev/vda:1mb bb:1 \
	sh -c 'echo $(cut -d" " -f2 /sys/fs/cgroup/io.max) $(ip -4 -o addr show eth0 | sed "s/.*inet //")'
check "the host's network" prints "$(readlink /proc/self/ns/net)" D run --rm --network host bb:1 readlink /proc/self/ns/net
# Docker forgets OOMKilled when it hears of the end before the event, so it gets five goes.
oom_told() {
	local i told
	for i in 1 2 3 4 5; do
		D run --name o1 "${N[@]}" --memory 16m --memory-swap 16m bb:1 sh -c 'x=a; while :; do x=$x$x; done'
		told=$(D inspect --format '{{.State.ExitCode}} {{.State.OOMKilled}}' o1)
		echo "$told"
		D rm o1 || return
		[ "$told" = '137 true' ] && return
		[ "$told" = '137 false' ] || return
	done
	return 1
}
check "out of memory" oom_told

check "run -d" D run -d --name c1 "${N[@]}" bb:1 sh -c 'trap "echo got; exit 3" TERM; echo ready; while :; do sleep 0.1; done'
check "running" prints running state Status c1
check "logs" within 10 shows ready D logs c1
check "exec as a user elsewhere, with input and status" prints "1000 /tmp v abc" \
	eval 'echo abc | status 5 D exec -i -u 1000 -w /tmp -e K=v c1 sh -c "echo \$(id -u) \$(pwd) \$K \$(cat); exit 5"'
check "exec with a terminal" shows /dev/pts/ in_terminal docker exec -it c1 tty
check "exec of a missing program" status_in "126 127" D exec c1 nosuchprogram
check "top" shows sleep D top c1
check "stats" shows c1 D stats --no-stream --format '{{.Name}} {{.PIDs}} {{.MemUsage}}' c1
except crun "it refuses the kernel memory of 0 that docker passes on" check "update" D update --memory 96m --memory-swap 96m --cpus 0.25 --pids-limit 77 c1
except crun "as above" check "the update is in force" prints "100663296 25000 100000 77" D exec c1 sh -c 'cd /sys/fs/cgroup && echo $(cat memory.max cpu.max pids.max)'
check "pause" eval 'D pause c1 && prints paused state Status c1'
check "exec in a paused container fails" fails D exec c1 true
check "unpause" D unpause c1
check "stop" D stop -t 10 c1
check "the program handled it" shows got D logs c1
check "and gave its status" prints 3 state ExitCode c1
check "start again" D start c1
check "kill" eval 'D kill -s KILL c1 && prints 137 D wait c1'
check "rm -f of a running one" eval 'D start c1 && D rm -f c1'
check "nothing is left" prints "" D ps -aq

check "with groups that the runtime makes" start_docker cgroupfs
check "run -d then" D run -d --name g1 "${N[@]}" --memory 64m --pids-limit 50 bb:1 sleep 1000
check "limits then" prints "67108864 50" D exec g1 sh -c 'cd /sys/fs/cgroup && echo $(cat memory.max pids.max)'
check "rm -f then" D rm -f g1
systemctl stop docker docker.socket containerd
done_testing
