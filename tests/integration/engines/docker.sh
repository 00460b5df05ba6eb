#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: vm
# vm: --mem 3072
# docker.sh - containers of dockerd with the runtime under test as one of its runtimes.
#
# The programs in single quotes are for the shell of a container.
# shellcheck disable=SC2016,SC2119,SC2317
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/integration/vm/guest.sh
. "$(dirname "$0")/../vm/guest.sh"

D() {
	timeout -k 5 120 docker "$@"
}

is_state() { # STATE NAME
	is "$1" "$(D inspect --format '{{.State.Status}}' "$2")"
}

in_terminal() { # COMMAND...: with a terminal of its own
	script -qefc "$(printf '%q ' "$@")" /dev/null
}

start_docker() { # MANAGER
	mkdir -p /etc/docker
	jq -n --arg r "$SKERRY" --arg m "native.cgroupdriver=$1" \
		'{runtimes: {tested: {path: $r}}, "default-runtime": "tested", "exec-opts": [$m]}' >/etc/docker/daemon.json
	systemctl restart docker && within 60 docker version
}

check "dockerd starts" start_docker systemd
check "it knows the runtime" prints tested D info --format '{{.DefaultRuntime}}'
check "load an image" eval '"$(dirname "$0")/image" "$T/rootfs" bb:1 "$T/image.tar" && D load -q -i "$T/image.tar"'

N=(--network none)
check "run prints" prints hello D run --rm "${N[@]}" bb:1 echo hello
check "status 0" status 0 D run --rm "${N[@]}" bb:1 true
check "status 7" status 7 D run --rm "${N[@]}" bb:1 sh -c 'exit 7'
check "125 for an error of docker's" status 125 D run --rm --no-such-option bb:1 true
except crun "docker does not know its words" check "126 for what cannot be executed" status 126 D run --rm "${N[@]}" bb:1 /etc/passwd
except crun "docker does not know its words" check "126 for a directory" status 126 D run --rm "${N[@]}" bb:1 /etc
except crun "docker does not know its words" check "127 for a missing program" status 127 D run --rm "${N[@]}" bb:1 /no/such/program
except crun "docker does not know its words" check "127 for one missing in PATH" status 127 D run --rm "${N[@]}" bb:1 nosuchprogram
check "which is named" refuses nosuchprogram D run --rm "${N[@]}" bb:1 nosuchprogram
check "nothing is left of failed runs" prints "" D ps -aq
check "standard input" prints abc eval 'echo abc | D run -i --rm "${N[@]}" bb:1 cat'
check "output and errors apart" prints out eval 'D run --rm "${N[@]}" bb:1 sh -c "echo out; echo err >&2" 2>/dev/null'
check "environment, folder, host name" prints "v /tmp h" D run --rm "${N[@]}" -e K=v -w /tmp --hostname h bb:1 sh -c 'echo $K $(pwd) $(hostname)'
check "user" prints 1000:1000 D run --rm "${N[@]}" -u 1000:1000 bb:1 sh -c 'echo $(id -u):$(id -g)'
check "read-only" fails D run --rm "${N[@]}" --read-only bb:1 touch /x
check "tmpfs" prints tmpfs D run --rm "${N[@]}" --tmpfs /t bb:1 stat -f -c %T /t
mkdir -p "$T/vol"
echo data >"$T/vol/f"
check "volume" prints data D run --rm "${N[@]}" -v "$T/vol:/v:ro" bb:1 cat /v/f
check "a read-only volume refuses writes" fails D run --rm "${N[@]}" -v "$T/vol:/v:ro" bb:1 touch /v/g
check "no capability" prints 0000000000000000 D run --rm "${N[@]}" --cap-drop ALL bb:1 awk '/CapEff/ { print $2 }' /proc/self/status
check "seccomp is on" prints 2 D run --rm "${N[@]}" bb:1 awk '/^Seccomp:/ { print $2 }' /proc/self/status
check "no new privileges" prints 1 D run --rm "${N[@]}" --security-opt no-new-privileges bb:1 awk '/^NoNewPrivs:/ { print $2 }' /proc/self/status
check "AppArmor's profile" shows docker-default D run --rm "${N[@]}" bb:1 cat /proc/self/attr/current
check "ulimit" prints 99 D run --rm "${N[@]}" --ulimit nofile=99:99 bb:1 sh -c 'ulimit -n'
check "sysctl" prints 4096 D run --rm "${N[@]}" --sysctl kernel.msgmax=4096 bb:1 cat /proc/sys/kernel/msgmax
check "oom score" prints 500 D run --rm "${N[@]}" --oom-score-adj 500 bb:1 cat /proc/self/oom_score_adj
check "init" shows docker-init D run --rm "${N[@]}" --init bb:1 cat /proc/1/comm
check "a device" prints ok D run --rm "${N[@]}" --device /dev/vda bb:1 sh -c 'head -c 1 /dev/vda >/dev/null && echo ok'
check "privileged" prints ok D run --rm "${N[@]}" --privileged bb:1 sh -c 'head -c 1 /dev/vda >/dev/null && mount -t tmpfs x /mnt && echo ok'
check "the host's pid namespace" isnt 1 "$(D run --rm "${N[@]}" --pid host bb:1 sh -c 'echo $$')"
check "the bridge network" shows 172.17. D run --rm bb:1 ip -4 -o addr show eth0
check "the host's network" prints "$(readlink /proc/self/ns/net)" D run --rm --network host bb:1 readlink /proc/self/ns/net
check "a terminal" shows /dev/pts/0 in_terminal docker run -it --rm "${N[@]}" bb:1 tty
check "the terminal's status" status 9 in_terminal docker run -it --rm "${N[@]}" bb:1 sh -c 'exit 9'
check "limits" prints "67108864 67108864 50 50000 100000 0" D run --rm "${N[@]}" --memory 64m --memory-swap 128m --pids-limit 50 --cpus 0.5 --cpuset-cpus 0 \
	bb:1 sh -c 'cd /sys/fs/cgroup && echo $(cat memory.max memory.swap.max pids.max cpu.max cpuset.cpus)'
check "shares become a weight" prints "$(weight 512)" D run --rm "${N[@]}" --cpu-shares 512 bb:1 cat /sys/fs/cgroup/cpu.weight
check "a device's rate" shows rbps=1048576 D run --rm "${N[@]}" --device-read-bps /dev/vda:1mb bb:1 cat /sys/fs/cgroup/io.max
check "out of memory" eval 'D run --name o1 "${N[@]}" --memory 16m --memory-swap 16m bb:1 sh -c "x=a; while :; do x=\$x\$x; done"; prints "137 true" D inspect --format "{{.State.ExitCode}} {{.State.OOMKilled}}" o1'
check "removal" D rm o1

check "run -d" D run -d --name c1 "${N[@]}" --health-cmd 'test -e /tmp/well' --health-interval 1s --health-retries 1 bb:1 sh -c 'trap "echo got; exit 3" TERM; echo ready; while :; do sleep 0.1; done'
check "running" is_state running c1
check "ps" prints c1 D ps --format '{{.Names}}'
check "logs" within 10 shows ready D logs c1
check "exec" prints in D exec c1 echo in
check "exec's status" status 5 D exec c1 sh -c 'exit 5'
check "exec of a missing program" status_in "126 127" D exec c1 nosuchprogram
check "exec of what cannot be executed" status 126 D exec c1 /etc/passwd
check "exec with input" prints abc eval 'echo abc | D exec -i c1 cat'
check "exec with a terminal" shows /dev/pts/ in_terminal docker exec -it c1 tty
check "exec as a user elsewhere" prints "1000 /tmp v" D exec -u 1000 -w /tmp -e K=v c1 sh -c 'echo $(id -u) $(pwd) $K'
check "exec -d" D exec -d c1 sh -c 'echo d >/tmp/d'
check "exec -d ran" within 10 D exec c1 test -s /tmp/d
check "unhealthy" within 30 prints unhealthy D inspect --format '{{.State.Health.Status}}' c1
check "a health check that passes" D exec c1 touch /tmp/well
check "healthy" within 30 prints healthy D inspect --format '{{.State.Health.Status}}' c1
check "top" shows sleep D top c1
check "stats" shows c1 D stats --no-stream --format '{{.Name}} {{.PIDs}} {{.MemUsage}}' c1
except crun "it refuses the kernel memory of 0 that docker passes on" check "update" D update --memory 96m --memory-swap 96m --cpus 0.25 --pids-limit 77 c1
except crun "as above" check "the update is in force" prints "100663296 25000 100000 77" D exec c1 sh -c 'cd /sys/fs/cgroup && echo $(cat memory.max cpu.max pids.max)'
check "pause" D pause c1
check "paused" is_state paused c1
check "exec in a paused container fails" fails D exec c1 true
check "unpause" D unpause c1
check "running again" is_state running c1
check "cp into it" D cp "$T/vol/f" c1:/tmp/f
check "and it is there" prints data D exec c1 cat /tmp/f
check "stop" D stop -t 10 c1
check "the program handled it" shows got D logs c1
check "and gave its status" prints 3 D inspect --format '{{.State.ExitCode}}' c1
check "start again" D start c1
check "kill" D kill -s KILL c1
check "wait gives the status" prints 137 D wait c1
check "rm" D rm c1
check "stop kills what ignores it" eval 'D run -d --name c2 "${N[@]}" bb:1 sh -c "trap \"\" TERM; while :; do sleep 0.1; done" && D stop -t 1 c2 && prints 137 D inspect --format "{{.State.ExitCode}}" c2'
check "rm -f of a running one" eval 'D run -d --name c3 "${N[@]}" bb:1 sleep 1000 && D rm -f c2 c3'
check "create, start -a" eval 'D create --name c4 "${N[@]}" bb:1 echo attached && prints attached D start -a c4 && D rm c4'
check "restart on failure" eval 'D run -d --name r1 --restart on-failure:2 "${N[@]}" bb:1 sh -c "exit 4" && within 30 prints "2 exited" D inspect --format "{{.RestartCount}} {{.State.Status}}" r1; D rm -f r1'
check "build" eval 'printf "FROM bb:1\nRUN echo built >/built\nCMD cat /built\n" >"$T/vol/Dockerfile" && DOCKER_BUILDKIT=0 D build -q --network none -t built "$T/vol" && prints built D run --rm "${N[@]}" built'
check "the network of another" eval 'D run -d --name n1 "${N[@]}" bb:1 sleep 1000 && prints "$(readlink /proc/$(D inspect --format "{{.State.Pid}}" n1)/ns/net)" D run --rm --network container:n1 bb:1 readlink /proc/self/ns/net; s=$?; D rm -f n1; [ $s = 0 ]'
check "many at once" prints "1 2 3 4 5 6" eval 'for i in 1 2 3 4 5 6; do D run --rm "${N[@]}" bb:1 echo $i >$T/m$i & done; wait; echo $(cat $T/m?)'
check "nothing is left" prints "" D ps -aq

check "with groups that the runtime makes" start_docker cgroupfs
check "limits then" prints "67108864 50" D run --rm "${N[@]}" --memory 64m --pids-limit 50 bb:1 sh -c 'cd /sys/fs/cgroup && echo $(cat memory.max pids.max)'
check "run -d then" D run -d --name g1 "${N[@]}" bb:1 sleep 1000
except crun "as above" check "update then" eval 'D update --memory 32m --memory-swap 32m g1 && prints 33554432 D exec g1 cat /sys/fs/cgroup/memory.max'
check "rm -f then" D rm -f g1
systemctl stop docker docker.socket containerd
done_testing
